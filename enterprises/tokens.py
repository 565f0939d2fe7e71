"""API tokens: `scrm_<enterprise code>_<secret>`.

The token names its enterprise, so it can be looked up behind the tenant wall; only the digest of the whole
is kept. SHA-256 is enough for 256 random bits: there is nothing to guess.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.sql import columns, instances, row
from common.tenancy import current_enterprise_id
from enterprises import audit, authority
from enterprises.actors import Actor
from enterprises.models import ApiToken, Enterprise, Member, Role, User
from enterprises.services.enterprise import policy

PREFIX = "scrm"
DAYS = 90
TOUCH_EVERY = timedelta(minutes=1)
# What every call of the API needs to know about its caller; the rest is read when asked for.
_CALLER = (
    (ApiToken, ("enterprise_id", "member_id", "name", "last_used_at")),
    (Member, ("enterprise_id", "user_id", "userid", "name", "email", "department_id", "role_id", "status")),
    (Role, ()),
    (Enterprise, ("code", "name", "verified", "status", "timezone")),
    (User, ("email", "name", "language", "is_active", "is_staff", "is_superuser")),
)


def digest(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def enterprise_code(secret: str) -> str | None:
    """The enterprise code that a token names, or None when it is not one of ours."""
    parts = secret.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX and parts[2] else None


def create_token(actor: Actor, *, member: Member, name: str, days: int | None = None) -> tuple[ApiToken, str]:
    """Make a token for a member (oneself, or by somebody who manages them) and return it with its secret.

    The secret is shown once and never again. `days` is the time it is valid for: 90 when left out, at most what
    the policy allows. Raises Forbidden for a member whose rights exceed the actor's own.
    """
    if actor.member_id != member.pk:
        authority.require_member(actor, member)
    if not member.is_active:
        raise Conflict(_("Only active members can have a token."), code="not_active")
    longest = policy().token_days
    days = min(DAYS, longest) if days is None else days
    if not 1 <= days <= longest:
        raise Invalid({"days": [_("A token is valid for 1 to %(days)s days.") % {"days": longest}]})
    if not name.strip():
        raise Invalid({"name": [_("Give the token a name that tells where it is used.")]})
    secret = f"{PREFIX}_{actor.enterprise.code}_{secrets.token_urlsafe(32)}"
    now = clock.now()
    token = ApiToken.objects.create(
        member=member,
        name=name.strip()[:64],
        digest=digest(secret),
        hint=secret[-4:],
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    audit.record(actor, "token.created", token, subject_label=token.name, after={"member": member.name, "days": days})
    return token, secret


def revoke_token(actor: Actor, *, token: ApiToken) -> None:
    """End a token at once. Revoking twice changes nothing."""
    if actor.member_id != token.member_id:
        authority.require_member(actor, token.member)
    changed = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())
    if changed:
        audit.record(actor, "token.revoked", token, subject_label=token.name)


def find_token(secret: str) -> tuple[ApiToken, Enterprise] | None:
    """The valid token with this secret, with its member, their role and user, and the enterprise.

    The tenant that it names must be in scope. Every call of the API runs this: one statement.
    """
    wanted = ", ".join(columns(model, alias, names) for (model, names), alias in zip(_CALLER, "tmreu", strict=True))
    found = row(
        f"""
        SELECT {wanted}
        FROM enterprises_apitoken t
        JOIN enterprises_member m ON m.enterprise_id = t.enterprise_id AND m.id = t.member_id
        JOIN enterprises_role r ON r.enterprise_id = m.enterprise_id AND r.id = m.role_id
        JOIN enterprises_enterprise e ON e.id = t.enterprise_id
        LEFT JOIN enterprises_user u ON u.id = m.user_id
        WHERE t.enterprise_id = %(enterprise)s AND t.digest = %(digest)s
          AND t.revoked_at IS NULL AND t.expires_at > %(now)s
          AND m.status = %(active)s AND u.is_active IS NOT FALSE
        """,  # noqa: S608 - columns of ours
        {
            "enterprise": current_enterprise_id(),
            "digest": digest(secret),
            "now": clock.now(),
            "active": Member.Status.ACTIVE.value,
        },
        planned=True,
    )
    if found is None:
        return None
    token, member, role, enterprise, user = instances(found, *_CALLER)
    token.member, member.role, member.user = member, role, user
    return token, enterprise


def needs_touch(token: ApiToken, now: datetime) -> bool:
    """Is `last_used_at` older than a minute? It is written at most that often."""
    return token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY
