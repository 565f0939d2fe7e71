"""Group chats of spaces (U10): whoever is in one sees all the others (U6), and no more fit than the policy says.

The chat's row is locked before anybody is let in, so that two who do not go together cannot both come; lock order:
space → partner → chat → seat.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from upstream.models import ChatSeat, Invitation, Partner, PartnerContact, Space, SpaceChat, SpaceMember, Subgroup
from upstream.queries.worlds import world
from upstream.rules import names
from upstream.rules.chats import Misfit, Unfit, misfits
from upstream.services import limits

MOST = 500  # people put in at once


class Unfitting(Conflict):
    """Somebody cannot be in the chat with the others. Says who, and why."""

    code = "unfitting"
    title = _("They do not go together")


def create_chat(
    actor: Actor,
    *,
    space: Space,
    name: str,
    owner: Member | None = None,
    subgroup: Subgroup | None = None,
    joins_space: bool = False,
) -> SpaceChat:
    """Make a group chat with its owner in it: oneself; others need spaces.manage. Raises Invalid."""
    actor.require("spaces.edit")
    owner = _owner(actor, space, owner or actor.member)
    if subgroup is not None and subgroup.space_id != space.pk:
        raise Invalid({"subgroup": [_("This subgroup is in another space.")]})
    chat = SpaceChat(
        id=uuid7(), space=space, subgroup=subgroup, name=_named(name), owner=owner, joins_space=joins_space
    )
    chat.save(force_insert=True)
    enter(chat, members=[owner])
    after = {"space": space.name, "name": chat.name, "owner": owner.name, "joins_space": joins_space}
    audit.record(actor, "space_chat.created", chat, after=after)
    return chat


def edit_chat(actor: Actor, *, chat: SpaceChat, changes: dict[str, Any]) -> SpaceChat:
    """Change `name`, `owner` or `joins_space`. Without the latter, its links end. Raises Invalid, Unfitting."""
    actor.require("spaces.edit")
    chat = _living(chat)
    values = dict(changes)
    if "name" in values:
        values["name"] = _named(values["name"])
    if "owner" in values and (values["owner"] is None or values["owner"].pk != chat.owner_id):
        values["owner"] = _owner(actor, chat.space, values["owner"])
        enter(chat, members=[values["owner"]])
    before, after = audit.changes(chat, values)
    if after:
        chat.version += 1
        chat.save(update_fields=[*after, "version"])
        if not chat.joins_space:
            _end_links(chat)
        audit.record(actor, "space_chat.changed", chat, before=before, after=after)
    return chat


def add(actor: Actor, *, chat: SpaceChat, members: Sequence[Member] = (), people: Sequence[PartnerContact] = ()) -> int:
    """Put members of ours and people of partners in, all or none. Returns how many were not in it before.

    Raises Invalid, Unfitting, LimitReached.
    """
    actor.require("spaces.edit")
    if not 1 <= len(members) + len(people) <= MOST:
        raise Invalid({"people": [_("Choose 1 to %(most)s people.") % {"most": MOST}]})
    chat = _living(chat)
    new = enter(chat, members=members, people=people)
    if new:
        audit.record(actor, "space_chat.joined", chat, after={"people": sorted(_name_of(seat) for seat in new)})
    return len(new)


def enter(chat: SpaceChat, *, members: Sequence[Member] = (), people: Sequence[PartnerContact] = ()) -> list[ChatSeat]:
    """Put them in; the caller answers for the permission. Those who are in it already stay as they are."""
    chat = _living(chat)
    inside = list(ChatSeat.objects.filter(chat=chat).values_list("member_id", "person_id", "person__partner_id"))
    there = {member or person for member, person, _partner in inside}
    seats = [ChatSeat(chat=chat, member=one) for one in dict.fromkeys(members) if one.pk not in there]
    seats += [ChatSeat(chat=chat, person=one) for one in dict.fromkeys(people) if one.pk not in there]
    ours = [member for member, _person, _partner in inside if member] + [one.pk for one in members]
    theirs = [partner for _member, _person, partner in inside if partner] + [one.partner_id for one in people]
    _check(chat, list(dict.fromkeys(ours)), list(dict.fromkeys(theirs)))
    if seats:
        ChatSeat.objects.bulk_create(seats)
        limits.take_chat_places(chat, len(seats))
    return seats


def remove(
    actor: Actor, *, chat: SpaceChat, members: Sequence[Member] = (), people: Sequence[PartnerContact] = ()
) -> int:
    """Take some out. Raises Conflict `owner_stays`. Returns how many were in it."""
    actor.require("spaces.edit")
    chat = _living(chat)
    if any(one.pk == chat.owner_id for one in members):
        raise Conflict(_("Give the group chat another owner first."), code="owner_stays")
    leaving = ChatSeat.objects.filter(Q(member__in=members) | Q(person__in=people), chat=chat)
    label = sorted(_name_of(seat) for seat in leaving.select_related("member", "person__person"))
    if label:
        leaving.delete()
        SpaceChat.objects.filter(pk=chat.pk).update(people=F("people") - len(label))
        audit.record(actor, "space_chat.left", chat, before={"people": label})
    return len(label)


def dismiss(actor: Actor, *, chat: SpaceChat) -> SpaceChat:
    """Dissolve a group chat: everybody leaves it, its links end."""
    actor.require("spaces.edit")
    chat = _living(chat)
    before = {"people": chat.people}
    ChatSeat.objects.filter(chat=chat).delete()
    chat.people, chat.dismissed_at = 0, clock.now()
    chat.version += 1
    chat.save(update_fields=["people", "dismissed_at", "version"])
    _end_links(chat)
    audit.record(actor, "space_chat.dismissed", chat, before=before)
    return chat


# --- What other services call -----------------------------------------------------------------------------


def people_leave(people: Sequence[UUID]) -> None:
    """These people of partners leave their space, and so all of its group chats."""
    _leave(Q(person__in=people))


def member_leaves(space: Space, member: Member) -> None:
    """A member of ours leaves the space. Raises Conflict `owns_chats` for an owner."""
    owned = list(SpaceChat.objects.filter(space=space, owner=member, dismissed_at=None).values_list("name", flat=True))
    if owned:
        raise Conflict(
            _("Give these group chats another owner first: %(names)s.") % {"names": ", ".join(sorted(owned))},
            code="owns_chats",
        )
    _leave(Q(chat__space=space, member=member))


def forget(space: Space) -> None:
    """The space ends, and its group chats with it."""
    ChatSeat.objects.filter(chat__space=space).delete()
    SpaceChat.objects.filter(space=space).delete()


def _leave(who: Q) -> None:
    found = ChatSeat.objects.filter(who)
    chats = SpaceChat.objects.select_for_update(no_key=True).filter(pk__in=found.values("chat_id")).order_by("pk")
    if not (locked := list(chats.values_list("pk", flat=True))):
        return
    for chat, number in found.filter(chat__in=locked).values_list("chat_id").annotate(Count("id")).order_by("chat_id"):
        SpaceChat.objects.filter(pk=chat).update(people=F("people") - number)
    found.filter(chat__in=locked).delete()


# --- Steps ------------------------------------------------------------------------------------------------


def _living(chat: SpaceChat) -> SpaceChat:
    """The chat, so that nobody else comes in or leaves meanwhile. Raises Conflict `group_dismissed`."""
    found = SpaceChat.objects.select_for_update(no_key=True, of=("self",)).select_related("space", "owner", "subgroup")
    chat = found.get(pk=chat.pk)
    if chat.dismissed_at is not None:
        raise Conflict(_("This group was dissolved."), code="group_dismissed")
    return chat


def unfitting(chat: SpaceChat) -> list[Misfit]:
    """Who is in the chat and could not be put into it any more: rules, subgroups or openness have changed."""
    inside = ChatSeat.objects.filter(chat=chat).order_by("joined_at", "id")
    ours = dict.fromkeys(inside.exclude(member=None).values_list("member_id", flat=True))
    theirs = dict.fromkeys(inside.exclude(person=None).values_list("person__partner_id", flat=True))
    return misfits(_world(chat, list(theirs)), ours, theirs, chat.subgroup_id)


def _check(chat: SpaceChat, members: list[UUID], partners: list[UUID]) -> None:
    found = misfits(_world(chat, partners), members, partners, chat.subgroup_id)
    if not found:
        return
    ids = [one.who for one in found]
    named = dict(Partner.objects.filter(pk__in=ids).values_list("pk", "name"))
    named |= dict(Member.objects.filter(pk__in=ids).values_list("pk", "name"))
    first = found[0]
    raise Unfitting(
        _("%(name)s: %(why)s") % {"name": named.get(first.who, "—"), "why": first.why.label},
        reason=first.why,
        who=[str(pk) for pk in ids[:20]],
    )


def _world(chat: SpaceChat, partners: list[UUID]) -> Any:
    return world(chat.space, partners=list(Partner.objects.filter(pk__in=partners, space=chat.space_id)))


def _owner(actor: Actor, space: Space, owner: Member | None) -> Member:
    if owner is None:
        raise Invalid({"owner": [_("Name the owner.")]})
    if owner.pk != actor.member_id:
        actor.require("spaces.manage")
    if not owner.is_active or not SpaceMember.objects.filter(space=space, member=owner).exists():
        raise Invalid({"owner": [Unfit.NOT_IN_SPACE.label]}, code="owner_not_in_space")
    return owner


def _end_links(chat: SpaceChat) -> None:
    Invitation.objects.filter(chat=chat, revoked_at=None).update(revoked_at=clock.now())


def _named(name: str) -> str:
    name = names.tidy(name)
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the group chat a name of at most 64 characters.")]})
    return name


def _name_of(seat: ChatSeat) -> str:
    if seat.member is not None:
        return seat.member.name
    assert seat.person is not None
    return seat.person.person.name
