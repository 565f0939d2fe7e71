"""What becomes of collaborators when two contacts are one person (C1, O3).

Collaborators of the one that goes collaborate on the one that stays, as many as it may have. Who collaborates on both
keeps the higher level, of two alike the longer term.
"""

from typing import Any
from uuid import UUID

from collaboration.models import Invitation
from collaboration.queries import grants as queries
from collaboration.rules.grants import higher, in_force
from common import clock
from contacts.models import Contact, Grant
from contacts.rules import Level
from contacts.services.merge_rows import Chosen
from enterprises.actors import Actor


def united(actor: Actor, contact: Contact, gone: Contact) -> Chosen:
    """Which grants and invitations go over, and which terms change; what finds no room waits for the undo.

    The highest and oldest grants come first, then who is only invited. The owner needs none.
    """
    owner = contact.owner_id or gone.owner_id
    grants = list(Grant.objects.in_force().filter(contact=gone).exclude(member=owner))
    invited = list(Invitation.objects.filter(contact=gone, lapses_at__gt=clock.now()).exclude(member=owner))
    if not grants and not invited:
        return Chosen({"contacts_grant": [], "collaboration_invitation": []})
    held = {grant.member_id: grant for grant in Grant.objects.filter(contact=contact)}
    asked = {one.member_id: one for one in Invitation.objects.filter(contact=contact)}
    now = clock.now()
    present = {member for member, grant in held.items() if in_force(grant.expires_at, now)}
    present |= {member for member, invitation in asked.items() if invitation.lapses_at > now}
    present.discard(owner)
    left = max(0, queries.terms(actor).most - len(present))
    going: list[UUID] = []
    terms: dict[UUID, dict[str, Any]] = {}
    for grant in sorted(grants, key=lambda one: (one.level != Level.EDITOR, one.granted_at, one.pk)):
        if grant.member_id not in present:
            if not left:
                continue
            left -= 1
            present.add(grant.member_id)
        own = held.get(grant.member_id)
        if own is None:
            going.append(grant.pk)
        elif not in_force(own.expires_at, now) or higher(_terms(grant), _terms(own)):
            terms[own.pk] = {"level": grant.level, "expires_at": grant.expires_at}
    open_ = [one for one in invited if one.member_id not in present and one.member_id not in asked]
    open_.sort(key=lambda one: (one.invited_at, one.pk))
    return Chosen(
        {"contacts_grant": going, "collaboration_invitation": [one.pk for one in open_[:left]]},
        {"contacts_grant": terms},
    )


def _terms(grant: Grant) -> tuple[Level, Any]:
    return Level(grant.level), grant.expires_at
