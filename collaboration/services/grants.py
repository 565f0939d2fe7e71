"""Collaborators: invite, accept, decline, change, remove (O1-O3). The only writer of grants.

Every change takes the lock of the contact first, then of the member. So the limit is exact however many invite at
once; who loses a grant or the contact while they act is refused, not overtaken; and nobody is let in who leaves.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collaboration.models import Invitation
from collaboration.queries import grants as queries
from collaboration.rules.grants import Terms
from collaboration.services import notices
from common import clock
from common.errors import Conflict, Forbidden, Invalid, NotFound
from contacts.models import Contact, Grant
from contacts.rules import GRANTED, Kind, Level, Right
from contacts.services.steps import hold, locked, note
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy

MESSAGE = 200


def invite(
    actor: Actor,
    *,
    contact: Contact,
    member: Member,
    level: str,
    expires_at: datetime | None = None,
    message: str = "",
) -> Invitation | Grant:
    """Ask a colleague to collaborate on a contact, until `expires_at` or for good.

    Where the rule of the actor's role does not ask the invited, they are in at once and the grant is returned.
    Raises Forbidden beyond what the role may give, Invalid, Conflict (`already_collaborator`, `already_invited`,
    `sees_already`, `collaborator_limit`).
    """
    contact = hold(actor, contact, Right.SHARE)
    terms = queries.terms(actor)
    wanted = _level(terms, level)
    _expiry(expires_at)
    if len(message) > MESSAGE:
        raise Invalid({"message": [_("At most %(limit)s characters.") % {"limit": MESSAGE}]})
    member = _candidate(contact, member)
    _not_there_yet(contact, member)
    _room(terms, contact)
    if not terms.asks:
        return _join(
            actor, contact=contact, member=member, level=wanted, expires_at=expires_at, granted_by=actor.member
        )
    now = clock.now()
    invitation = Invitation.objects.create(
        contact=contact,
        member=member,
        level=wanted.value,
        expires_at=expires_at,
        message=message.strip(),
        invited_by=actor.member,
        invited_at=now,
        lapses_at=now + timedelta(days=policy().collaboration_invitation_days),
    )
    audit.record(actor, "collaborator.invited", contact, after=_terms_of(member, wanted, expires_at))
    notices.invited(actor, invitation)
    return invitation


def accept(actor: Actor, *, invitation: Invitation) -> Grant:
    """Become a collaborator. Raises NotFound for what is not (or no longer) the actor's to accept."""
    contact = _open_to(actor, invitation)
    member = _candidate(contact, invitation.member)
    invitation = _mine(actor, invitation)
    _expiry(invitation.expires_at)
    invitation.delete()
    Grant.objects.filter(contact=contact, member=member).delete()  # a merge may have brought one along
    return _join(
        actor,
        contact=contact,
        member=member,
        level=Level(invitation.level),
        expires_at=invitation.expires_at,
        granted_by=invitation.invited_by,
    )


def decline(actor: Actor, *, invitation: Invitation) -> None:
    """Say no. Raises NotFound for what is not (or no longer) the actor's to decline."""
    _open_to(actor, invitation)
    invitation = _mine(actor, invitation)
    audit.record(actor, "collaborator.declined", invitation.contact, before={"member": invitation.member.name})
    notices.declined(actor, invitation)
    invitation.delete()


def change(actor: Actor, *, contact: Contact, member: Member, changes: dict[str, Any]) -> Grant | Invitation:
    """Change `level` or `expires_at` (None: for good) of a collaborator, or of an invitation not yet answered.

    Raises NotFound for a member who is neither, Forbidden beyond what the actor's role may give, Invalid.
    """
    contact = hold(actor, contact, Right.SHARE)
    if "level" in changes:
        _level(queries.terms(actor), changes["level"])
    _expiry(changes.get("expires_at"))
    present = _present(contact, member)
    before, after = audit.changes(present, changes)
    if after:
        present.save(update_fields=list(after))
        audit.record(
            actor,
            "collaborator.changed",
            contact,
            before={"member": member.name, **before},
            after={"member": member.name, **after},
        )
        if isinstance(present, Grant):
            notices.changed(actor, present)
    return present


def remove(actor: Actor, *, contact: Contact, member: Member) -> None:
    """End a collaboration, or take an invitation back. Collaborators may leave by themselves.

    What they wrote stays. Raises NotFound when the member neither collaborates nor is invited.
    """
    leaving = member.pk == actor.member_id
    contact = locked(contact) if leaving else hold(actor, contact, Right.SHARE)
    present = _present(contact, member)
    if isinstance(present, Invitation):
        if leaving:
            raise NotFound()  # an invitation is declined, not left
        audit.record(actor, "collaborator.withdrawn", contact, before={"member": member.name})
        present.delete()
        return
    before = _terms_of(member, Level(present.level), present.expires_at)
    audit.record(actor, "collaborator.left" if leaving else "collaborator.removed", contact, before=before)
    note(contact, Kind.COLLABORATOR_LEFT, at=clock.now(), member=actor.member, data={"name": member.name})
    if leaving:
        notices.left(actor, present)
    else:
        notices.removed(actor, present)
    present.delete()


def end_of(actor: Actor, *, member: Member) -> int:
    """The membership has ended, and with it everything that was granted or offered to the member."""
    withdrawn, _by_model = Invitation.objects.filter(member=member).delete()
    ended, _by_model = Grant.objects.filter(member=member).delete()
    if ended or withdrawn:
        audit.record(
            actor, "collaborator.ended", member, after={"collaborations": ended, "invitations": withdrawn}
        )  # fmt: skip
    return ended + withdrawn


# --- Checks -----------------------------------------------------------------------------------------------


def _level(terms: Terms, level: str) -> Level:
    if level not in GRANTED:
        raise Invalid({"level": [_("Say viewer or editor.")]})
    if not terms.gives(Level(level)):
        raise Forbidden(
            _("Your role may give collaborators no more than the level “%(level)s”.") % {"level": terms.highest.label},
            code="exceeds_own_rights",
            highest=terms.highest.value,
        )
    return Level(level)


def _expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid({"expires_at": [_("This lies in the past.")]})


def _candidate(contact: Contact, member: Member) -> Member:
    """The member as they are now, locked: nobody is let in while their membership ends.

    Raises Invalid for who cannot be a collaborator, Conflict for who needs no invitation.
    """
    member = Member.objects.select_for_update(no_key=True, of=("self",)).select_related("role").get(pk=member.pk)
    if not member.is_active:
        raise Invalid({"member": [_("This member is not active.")]})
    if member.pk == contact.owner_id:
        raise Conflict(_("This member is the owner of the contact."), code="sees_already")
    reason = queries.why_not(member)
    if reason is not None:
        raise Conflict(reason, code="not_invitable")
    return member


def _not_there_yet(contact: Contact, member: Member) -> None:
    """Raise Conflict for a collaborator or an open invitation; what has expired or lapsed makes way."""
    if Grant.objects.in_force().filter(contact=contact, member=member).exists():
        raise Conflict(_("This member collaborates on the contact already."), code="already_collaborator")
    if Invitation.objects.open().filter(contact=contact, member=member).exists():
        raise Conflict(_("This member has been invited already."), code="already_invited")
    Grant.objects.filter(contact=contact, member=member).delete()
    Invitation.objects.filter(contact=contact, member=member).delete()


def _room(terms: Terms, contact: Contact) -> None:
    """Raise Conflict when the contact has as many collaborators as the actor's role may give it (O3).

    The contact is locked, and everybody who makes one more comes through here: nobody is counted too late.
    """
    others = ~Q(member_id=contact.owner_id) if contact.owner_id else Q()
    present = Grant.objects.in_force().filter(others, contact=contact).count()
    present += Invitation.objects.open().filter(others, contact=contact).count()
    if not terms.room(present):
        raise Conflict(
            _("The contact can have %(limit)s collaborators, open invitations included. Remove one first.")
            % {"limit": terms.most},
            code="collaborator_limit",
            limit=terms.most,
            present=present,
        )


# --- Steps ------------------------------------------------------------------------------------------------


def _join(
    actor: Actor,
    *,
    contact: Contact,
    member: Member,
    level: Level,
    expires_at: datetime | None,
    granted_by: Member | None,
) -> Grant:
    grant = Grant.objects.create(
        contact=contact, member=member, level=level.value, expires_at=expires_at, granted_by=granted_by
    )
    note(
        contact,
        Kind.COLLABORATOR_JOINED,
        at=clock.now(),
        member=actor.member,
        data={"name": member.name, "level": level.value},
    )
    audit.record(actor, "collaborator.joined", contact, after=_terms_of(member, level, expires_at))
    notices.joined(actor, grant)
    return grant


def _open_to(actor: Actor, invitation: Invitation) -> Contact:
    """The contact of somebody's own invitation, locked; NotFound for others'."""
    if invitation.member_id != actor.member_id:
        raise NotFound()
    return locked(Contact(pk=invitation.contact_id))


def _mine(actor: Actor, invitation: Invitation) -> Invitation:
    """The invitation, locked, if it still is open; its contact is locked already."""
    found = Invitation.objects.to(actor).select_for_update(no_key=False, of=("self",))
    mine: Invitation | None = (
        found.select_related("contact__owner", "member", "invited_by").filter(pk=invitation.pk).first()
    )
    if mine is None:
        raise NotFound()
    return mine


def _present(contact: Contact, member: Member) -> Grant | Invitation:
    """The member's grant or open invitation at this (locked) contact."""
    grant: Grant | None = Grant.objects.in_force().filter(contact=contact, member=member).first()
    present = grant or Invitation.objects.open().filter(contact=contact, member=member).first()
    if present is None:
        raise NotFound()
    return present


def _terms_of(member: Member, level: Level, expires_at: datetime | None) -> dict[str, Any]:
    """For the audit trail."""
    return {"member": member.name, "level": level.value, "expires_at": expires_at and expires_at.isoformat()}


def resigned(sender: object, actor: Actor, member: Member, **_more: Any) -> None:
    """Follows `member_resigned`."""
    end_of(actor, member=member)
