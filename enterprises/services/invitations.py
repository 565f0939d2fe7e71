"""Invitations: a signed link by mail turns an e-mail address into a person who can log in.

The link carries when the invitation was made; the member's row knows the one that counts. So a link works
once, only the newest works, and every change of the address or the status ends it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, NotFound
from common.ids import parse_uuid
from common.tenancy import tenant
from enterprises import audit, authority, tasks
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member, User
from enterprises.services.accounts import create_account
from enterprises.services.enterprise import policy

SALT = "enterprises.invitation"


@dataclass(frozen=True)
class Invitation:
    """A link that still works, and what its page shows. `known`: the address has an account already."""

    enterprise: Enterprise
    member_id: UUID
    name: str
    email: str
    known: bool


def invite(actor: Actor, *, member: Member) -> Member:
    """Send (or send again) the link by mail; earlier links stop working. Raises Conflict when it cannot be."""
    member = Member.objects.select_for_update(no_key=True, of=("self",)).select_related("role").get(pk=member.pk)
    authority.require_member(actor, member)
    if member.user_id is not None:
        raise Conflict(_("This member has accepted already."), code="already_joined")
    if member.status != Member.Status.ACTIVE:
        raise Conflict(_("Only active members can be invited."), code="not_active")
    if not member.email:
        raise Conflict(_("Enter an e-mail address first."), code="email_missing")
    member.invited_at = clock.now()
    member.version += 1
    member.save(update_fields=["invited_at", "version"])
    audit.record(actor, "member.invited", member, after={"email": member.email})
    tasks.on_commit(
        tasks.send_invitation, str(actor.enterprise.pk), str(member.pk), actor.label, translation.get_language()
    )
    return member


def link_token(member: Member) -> str:
    """The signed part of the member's link; they must have been invited. The scope must be open."""
    assert member.invited_at is not None
    until = member.invited_at + timedelta(days=policy().invitation_days)
    claims = {
        "e": str(member.enterprise_id),
        "m": str(member.pk),
        "i": member.invited_at.isoformat(),
        "u": int(until.timestamp()),
    }
    return signing.dumps(claims, salt=SALT, compress=True)


def read(token: str) -> Invitation:
    """What the link offers. Raises NotFound (`invitation_invalid`, `invitation_expired`)."""
    enterprise, claims = _claims(token)
    with tenant(enterprise.pk):
        member = _invited(claims)
        known = User.objects.filter(email=member.email).exists()
        return Invitation(enterprise, member.pk, member.name, member.email, known)


def accept(token: str, *, user: User, **origin: str | None) -> Enterprise:
    """The logged-in person becomes the member. The link must have gone to their own address."""
    enterprise, claims = _claims(token)
    with tenant(enterprise.pk):
        member = _invited(claims, lock=True)
        if member.email != user.email:
            raise Conflict(_("This invitation is for another e-mail address."), code="other_address")
        _join(enterprise, member, user, origin)
    return enterprise


def accept_new(token: str, *, name: str, password: str, **origin: str | None) -> tuple[User, Enterprise]:
    """Somebody without an account gets one. Raises Invalid for a weak password, Conflict when they have one."""
    enterprise, claims = _claims(token)
    with tenant(enterprise.pk):
        member = _invited(claims, lock=True)
        user = create_account(email=member.email, password=password, name=name or member.name)
        _join(enterprise, member, user, origin)
    return user, enterprise


def _join(enterprise: Enterprise, member: Member, user: User, origin: dict[str, str | None]) -> None:
    member.user = user
    member.invited_at = None
    member.joined_at = clock.now()
    member.version += 1
    try:
        with transaction.atomic():
            member.save(update_fields=["user", "invited_at", "joined_at", "version"])
    except IntegrityError as error:
        if "member_user" not in str(error):
            raise
        raise Conflict(_("You are a member of this enterprise already."), code="already_member") from error
    actor = Actor.of(enterprise, member, "console", **origin)
    audit.record(actor, "member.joined", member, after={"email": member.email})


def _claims(token: str) -> tuple[Enterprise, dict[str, str]]:
    try:
        claims = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise _invalid() from error
    if datetime.fromtimestamp(int(claims["u"]), UTC) <= clock.now():
        raise NotFound(_("This invitation has expired. Ask for a new one."), code="invitation_expired")
    pk = parse_uuid(claims["e"])
    enterprise = Enterprise.objects.filter(pk=pk, status=Enterprise.Status.ACTIVE).first() if pk else None
    if enterprise is None:
        raise _invalid()
    return enterprise, claims


def _invited(claims: dict[str, str], *, lock: bool = False) -> Member:
    members = Member.objects.select_related("role")
    if lock:
        members = members.select_for_update(no_key=True, of=("self",))
    member = members.filter(pk=parse_uuid(claims["m"]), user=None, status=Member.Status.ACTIVE).first()
    if member is None or member.invited_at is None or member.invited_at.isoformat() != claims["i"]:
        raise _invalid()
    return member


def _invalid() -> NotFound:
    return NotFound(
        _("This invitation does not work any more. It may have been used, or sent again since."),
        code="invitation_invalid",
    )
