"""Log-in with e-mail, password and second factor, for API clients; the console uses allauth's pages."""

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from enterprises.models import User


class LoginFailed(Refusal):
    """Wrong e-mail, password or one-time code."""

    status = 401
    code = "login_failed"
    title = _("Log-in failed")


def log_in(request: HttpRequest, *, email: str, password: str, otp: str = "") -> User:
    """The user with this password and, where one is set up, this second factor. Raises LoginFailed."""
    user = authenticate(request, email=email.strip().lower(), password=password)
    if not isinstance(user, User):
        raise LoginFailed(_("The e-mail address or the password is wrong."))
    factors = list(Authenticator.objects.filter(user=user))
    if not factors:
        return user
    if not otp:
        raise LoginFailed(_("Give the one-time code of your second factor."), code="otp_required")
    if not any(_accepts(factor, otp) for factor in factors):
        raise LoginFailed(_("The one-time code is wrong."), code="otp_wrong")
    return user


def _accepts(factor: Authenticator, code: str) -> bool:
    checks = {Authenticator.Type.TOTP: TOTP, Authenticator.Type.RECOVERY_CODES: RecoveryCodes}
    check = checks.get(factor.type)
    return bool(check and check(factor).validate_code(code))
