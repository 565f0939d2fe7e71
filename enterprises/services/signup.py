"""Sign-up of a new enterprise: nothing is made, and no password is taken, until the e-mail address is proved.

The answer is the same whether the address has an account or not; only its mailbox learns which. The mail's
signed link carries what was asked for; it has been used as soon as the address has an account.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid, NotFound
from enterprises import tasks
from enterprises.models import Enterprise, User
from enterprises.services.accounts import create_account
from enterprises.services.enterprise import create_enterprise

SALT = "enterprises.signup"
VALID_FOR = timedelta(hours=24)


def require_open() -> None:
    """Raise NotFound where the installation does not take sign-ups."""
    if not settings.SIGNUP_OPEN:
        raise NotFound(_("Sign-up is closed here. Please ask the platform for an account."), code="signup_closed")


def begin(*, name: str, email: str) -> None:
    """Send a mail that finishes the sign-up; to a known address, one that says how to go on from its account.

    Raises Invalid for an empty name or a malformed address. Does the same work for known and unknown addresses.
    """
    require_open()
    name, email = _name(name), email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid({"email": error.messages}) from error
    claims = {"n": name, "a": email, "u": int((clock.now() + VALID_FOR).timestamp())}
    token = signing.dumps(claims, salt=SALT, compress=True)
    tasks.on_commit(tasks.send_signup, token, email, name, translation.get_language())


def read(token: str) -> tuple[str, str]:
    """The enterprise's name and the address of a link. Raises NotFound (`signup_expired`)."""
    require_open()
    expired = NotFound(_("This link has expired or was used. Please sign up again."), code="signup_expired")
    try:
        claims = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise expired from error
    if datetime.fromtimestamp(claims["u"], UTC) <= clock.now() or User.objects.filter(email=claims["a"]).exists():
        raise expired
    return claims["n"], claims["a"]


def finish(token: str, *, person: str, password: str) -> tuple[User, Enterprise]:
    """Make the person and their enterprise: unverified, with 100 places (Q3). Works once.

    Raises Invalid for a weak password, NotFound for a link that does not work any more, Conflict when two
    sign-ups of one address finish at once.
    """
    name, email = read(token)
    user = create_account(email=email, name=person, password=password)
    return user, create_enterprise(name=name, admin=user, via="console")


def found(user: User, *, name: str) -> Enterprise:
    """Somebody who is logged in founds a further enterprise."""
    require_open()
    return create_enterprise(name=_name(name), admin=user, via="console")


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 2 <= len(name) <= 128:
        raise Invalid({"name": [_("Give the enterprise a name of 2 to 128 characters.")]})
    return name
