"""Which contacts and groups a hand-over is about, and who gets which: the items.

Preview (`previews`) and order ask the same SQL, so what was shown is what is done. All of it is set-based: a member
may have tens of thousands of contacts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from collaboration.rules.transfers import Kind, shares
from collaboration.services.transfers.plans import Plan
from common import clock
from common.sql import execute, rows, subquery
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact, GroupChat
from contacts.rules import Right
from contacts.services.bulk.selection import COLUMNS, Selection
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy, zone

# A contact is a member's when they own it or are its friend.
_THEIRS = """SELECT id FROM contacts_contact WHERE enterprise_id = %s AND owner_id = %s
    UNION SELECT contact_id FROM contacts_follow WHERE enterprise_id = %s AND member_id = %s AND state = 'active'"""

# Whose a contact is that was chosen from several members' contacts.
_OWNERS = "contact.owner_id"

# Sets to look into, not rows to look up: the planner knows nothing yet of items that were written a moment ago.
_OPEN = """contact.id IN (SELECT other.contact_id FROM collaboration_transferitem AS other
    WHERE other.enterprise_id = %(enterprise)s AND other.member_id = %(member)s AND other.state = 'waiting'
      AND other.contact_id IS NOT NULL)"""
_OPEN_OF_OWNER = """(contact.id, contact.owner_id) IN (SELECT other.contact_id, other.member_id
    FROM collaboration_transferitem AS other
    WHERE other.enterprise_id = %(enterprise)s AND other.state = 'waiting' AND other.contact_id IS NOT NULL)"""
_WRITTEN = """chosen.id NOT IN (SELECT mine.contact_id FROM collaboration_transferitem AS mine
    WHERE mine.enterprise_id = %(enterprise)s AND mine.transfer_id = %(transfer)s AND mine.contact_id IS NOT NULL)"""

# The day from which a contact may be handed over again (rules.blocked_until); null when it may today.
BLOCKED = """(SELECT day FROM (
        SELECT (done.settled_at AT TIME ZONE %(zone)s)::date + %(transfer_days)s AS day
        FROM collaboration_transferitem AS done JOIN collaboration_transfer AS earlier
          ON earlier.enterprise_id = done.enterprise_id AND earlier.id = done.transfer_id AND earlier.kind = 'on_job'
        WHERE done.enterprise_id = %(enterprise)s AND done.contact_id = contact.id AND done.state = 'done'
        ORDER BY done.settled_at DESC OFFSET %(transfer_limit)s - 1 LIMIT 1) AS latest
    WHERE day > %(today)s AND %(kind)s = 'on_job')"""

# What is in no way to be handed over, of contacts chosen from the list; it is left out, not ordered and failed.
_LEFT_OUT = f"""WHEN NOT {access.permits(Right.HAND_OVER)} THEN 'not_allowed'
    WHEN contact.owner_id IS NULL THEN 'no_owner'
    WHEN contact.owner_id = ANY (%(takers)s::uuid[]) THEN 'same_owner'
    WHEN contact.owner_id IN (SELECT gone.id FROM enterprises_member AS gone
        WHERE gone.enterprise_id = %(enterprise)s AND gone.status = 'resigned') THEN 'owner_left'"""  # noqa: S608
_TRIED = "('', 'in_transfer', 'too_often')"

_CHOSEN = f"""SELECT contact.id, contact.grade, contact.owner_id, {{giver}} AS giver, contact.status, {{part}} AS part,
       CASE {{left_out}} WHEN {{open}} THEN 'in_transfer' WHEN blocked.until IS NOT NULL THEN 'too_often'
       ELSE '' END AS reason, blocked.until
    FROM ({{contacts}}) AS contact CROSS JOIN LATERAL (SELECT {BLOCKED} AS until) AS blocked"""  # noqa: S608

# Places of different parts lie so far apart that one number names part and place: a join by one equality.
APART = 10**12


def limits(actor: Actor, kind: str) -> dict[str, Any]:
    """What `BLOCKED` needs to know."""
    numbers, local = policy(), zone(actor.enterprise)
    return {
        "kind": kind,
        "zone": str(local),
        "today": clock.now().astimezone(local).date(),
        "transfer_limit": numbers.transfer_limit,
        "transfer_days": numbers.transfer_days,
    }


@dataclass(frozen=True)
class Choice:
    """What is handed over: by whom, of whom, why, by which plan; all of the member's contacts or some of them.

    Without a `member`: the contacts of a selection, each of its owner, as far as the actor may hand it over.
    """

    actor: Actor
    member: Member | None
    kind: Kind
    plan: Plan
    selection: Selection | None
    takers: list[list[Member]]

    def contacts(self) -> QuerySet[Contact]:
        """Those of the member's contacts (or of all) that the actor sees and chose."""
        chosen = self.selection.contacts(self.actor) if self.selection else Contact.objects.visible_to(self.actor)
        if self.member is None:
            return chosen
        enterprise, member = current_enterprise_id(), self.member.pk
        return chosen.filter(id__in=RawSQL(_THEIRS, (enterprise, member, enterprise, member)))  # noqa: S611

    def groups(self) -> QuerySet[GroupChat]:
        """The member's living group chats, when they go along."""
        if not self.groups_go_along:
            return GroupChat.objects.none()
        return GroupChat.objects.visible_to(self.actor).filter(owner=self.member, dismissed_at=None)

    @property
    def groups_go_along(self) -> bool:
        """Does the plan say so, and is it about everything that the member has?"""
        return self.plan.groups and self.selection is None

    def chosen(self) -> tuple[str, dict[str, Any]]:
        """SQL for (contact id, grade, owner, who gives it, status, number of the part, why not, blocked until), and
        its parameters."""
        contacts, params = subquery(self.contacts().values(*COLUMNS), "chosen")
        params |= access.asking(self.actor) | {
            "enterprise": current_enterprise_id(),
            "member": self.member.pk if self.member else None,
            "takers": list({taker.pk for part in self.takers for taker in part}),
        }
        conditions = []
        for number, part in enumerate(self.plan.parts):
            condition = ["TRUE"]
            if part.grade:
                condition.append(f"contact.grade = %(grade_{number})s")
                params[f"grade_{number}"] = part.grade
            if part.tag:
                condition.append(
                    "EXISTS (SELECT FROM contacts_followtag AS worn WHERE worn.enterprise_id = %(enterprise)s"
                    f" AND worn.contact_id = contact.id AND worn.tag_id = %(tag_{number})s)"
                )
                params[f"tag_{number}"] = part.tag
            conditions.append(f"WHEN {' AND '.join(condition)} THEN {number}")
        some = self.member is None
        statement = _CHOSEN.format(
            giver=_OWNERS if some else "%(member)s::uuid",
            left_out=_LEFT_OUT if some else "",
            open=_OPEN_OF_OWNER if some else _OPEN,
            part=f"CASE {' '.join(conditions)} END",
            contacts=contacts,
        )
        return statement, {**params, **limits(self.actor, self.kind.value)}

    def rooms(self) -> dict[UUID, int]:
        """How many customers more each taker may have (their own limit, O7)."""
        takers = {taker.pk for part in self.takers for taker in part}
        held = holds(list(takers))
        return {taker: policy().taker_limit - held[taker] for taker in takers}

    def spread(self, counts: Mapping[int, int], rooms: dict[UUID, int]) -> list[list[int]]:
        """How many of each part's contacts each of its takers gets; what one part gives is no room for the next."""
        left = dict(rooms)
        found = []
        for number, takers in enumerate(self.takers):
            given = shares(counts.get(number, 0), [left[taker.pk] for taker in takers], self.plan.split)
            for taker, more in zip(takers, given, strict=True):
                left[taker.pk] -= more
            found.append(given)
        return found


def holds(takers: Sequence[UUID]) -> Counter[UUID]:
    """How many customers each of these members has, and is about to get."""
    counted = rows(
        """
        SELECT taker.id,
               (SELECT count(*) FROM contacts_follow AS follow WHERE follow.enterprise_id = %(enterprise)s
                    AND follow.member_id = taker.id AND follow.state = 'active')
             + (SELECT count(*) FROM collaboration_transferitem AS item WHERE item.enterprise_id = %(enterprise)s
                    AND item.taker_id = taker.id AND item.state = 'waiting' AND item.contact_id IS NOT NULL)
        FROM unnest(%(takers)s::uuid[]) AS taker (id)
        """,
        {"enterprise": current_enterprise_id(), "takers": list(takers)},
    )
    return Counter(dict(counted))


# --- The items ------------------------------------------------------------------------------------------------


def insert(choice: Choice, transfer: UUID) -> None:
    """Write an item for each chosen contact and group: waiting for its taker, or failed with the reason.

    Inserted in the order of their ids; of two who order the same at once the second waits here for the first, and
    finds the open items taken (the unique key): its own fail, and nothing is half done.
    """
    statement, params = choice.chosen()
    params |= {"transfer": transfer, "first": [takers[0].pk for takers in choice.takers], "now": clock.now()}
    chosen = f"""
        INSERT INTO collaboration_transferitem
            (id, enterprise_id, transfer_id, member_id, contact_id, part, taker_id, state, reason, blocked_until,
             attempt, settled_at)
        SELECT uuid7(), %(enterprise)s, %(transfer)s, chosen.giver, chosen.id, chosen.part,
               (%(first)s::uuid[])[chosen.part + 1], {{state}}, {{reason}}, chosen.until, 1, {{settled}}
        FROM ({statement}) AS chosen
        WHERE chosen.part IS NOT NULL AND chosen.reason IN {_TRIED} AND {{which}}
        ORDER BY chosen.id
        ON CONFLICT {{conflict}} DO NOTHING"""  # noqa: S608
    execute(
        chosen.format(
            state="'waiting'",
            reason="''",
            settled="NULL::timestamptz",
            which="chosen.reason = ''",
            conflict="(enterprise_id, member_id, contact_id) WHERE state = 'waiting' AND contact_id IS NOT NULL",
        ),
        params,
    )
    # Who is open elsewhere by now, and who was not to be handed over from the start.
    execute(
        chosen.format(
            state="'failed'",
            reason="CASE WHEN chosen.reason = '' THEN 'in_transfer' ELSE chosen.reason END",
            settled="%(now)s",
            which=_WRITTEN,
            conflict="(enterprise_id, transfer_id, contact_id)",
        ),
        params,
    )
    _spread(choice, transfer)
    _insert_groups(choice, transfer)


def _spread(choice: Choice, transfer: UUID) -> None:
    """Give each waiting contact its taker. The best are dealt out in turn, so that everybody gets of all grades."""
    params: dict[str, Any] = {"enterprise": current_enterprise_id(), "transfer": transfer}
    counts = dict(
        rows(
            """
            SELECT part, count(*) FROM collaboration_transferitem
            WHERE enterprise_id = %(enterprise)s AND transfer_id = %(transfer)s AND state = 'waiting' GROUP BY part
            """,
            params,
        )
    )
    rooms = choice.rooms()
    for part, takers in enumerate(choice.takers):  # where the items stand provisionally
        rooms[takers[0].pk] += counts.get(part, 0)
    params |= _hands(choice, choice.spread(counts, rooms)) | {"now": clock.now()}
    execute(
        f"""
        WITH slot AS ({_SLOTS}), dealt AS (
            SELECT item.id, {_PLACE.format(part="item.part", contact="item.contact_id")} AS place
            FROM collaboration_transferitem AS item JOIN contacts_contact AS contact
              ON contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
            WHERE item.enterprise_id = %(enterprise)s AND item.transfer_id = %(transfer)s AND item.state = 'waiting'
        )
        UPDATE collaboration_transferitem AS item
        SET taker_id = coalesce(slot.taker, item.taker_id),
            state = CASE WHEN slot.taker IS NULL THEN 'taker_full' ELSE 'waiting' END,
            reason = CASE WHEN slot.taker IS NULL THEN 'taker_full' ELSE '' END,
            settled_at = CASE WHEN slot.taker IS NULL THEN %(now)s::timestamptz END
        FROM dealt LEFT JOIN slot ON slot.place = dealt.place
        WHERE item.enterprise_id = %(enterprise)s AND item.id = dealt.id
        """,  # noqa: S608 - SQL of ours
        params,
    )


# Dealing out: each of a part's takers has as many places as contacts for them, spread over the whole part; a contact
# has its place among the others of its part by grade. Who stands at the same place belong together.
_SLOTS = """
    SELECT hand.taker, hand.part * %(apart)s + row_number() OVER (
               PARTITION BY hand.part ORDER BY (turn - 0.5) / hand.number, hand.position) AS place
    FROM unnest(%(parts)s::int[], %(orders)s::int[], %(hands)s::uuid[], %(numbers)s::int[])
         AS hand (part, position, taker, number)
    CROSS JOIN LATERAL generate_series(1, hand.number) AS turn"""
_PLACE = """{part} * %(apart)s + row_number() OVER (
    PARTITION BY {part} ORDER BY CASE contact.grade WHEN 'high' THEN 1 WHEN 'middle' THEN 2 ELSE 3 END, {contact})"""


def _hands(choice: Choice, spread: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The parameters of `_SLOTS`: who gets how many of which part."""
    hands = [
        (part, order, taker.pk, number)
        for part, (takers, numbers) in enumerate(zip(choice.takers, spread, strict=True))
        for order, (taker, number) in enumerate(zip(takers, numbers, strict=True))
        if number
    ]
    return {
        "parts": [hand[0] for hand in hands],
        "orders": [hand[1] for hand in hands],
        "hands": [hand[2] for hand in hands],
        "numbers": [hand[3] for hand in hands],
        "apart": APART,
    }


def moves(choice: Choice, spread: Sequence[Sequence[int]]) -> dict[tuple[UUID | None, UUID], int]:
    """How many served contacts would go from which owner to whom, by what `insert` would deal out."""
    statement, params = choice.chosen()
    found = rows(
        f"""
        WITH slot AS ({_SLOTS}), dealt AS (
            SELECT contact.*, {_PLACE.format(part="contact.part", contact="contact.id")} AS place
            FROM ({statement}) AS contact WHERE contact.part IS NOT NULL AND contact.reason = ''
        )
        SELECT dealt.owner_id, slot.taker, count(*) FROM dealt JOIN slot ON slot.place = dealt.place
        WHERE dealt.status = 'active' AND dealt.owner_id = dealt.giver GROUP BY 1, 2
        """,  # noqa: S608 - SQL of ours
        params | _hands(choice, spread),
    )
    return {(before, after): number for before, after, number in found}


def _insert_groups(choice: Choice, transfer: UUID) -> None:
    """Group chats go to all takers in turn."""
    if choice.member is None or not choice.groups_go_along:
        return
    groups, params = subquery(choice.groups().values("id"), "chosen")
    takers = list(dict.fromkeys(taker.pk for part in choice.takers for taker in part))
    execute(
        f"""
        INSERT INTO collaboration_transferitem
            (id, enterprise_id, transfer_id, member_id, group_id, part, taker_id, state, reason, attempt)
        SELECT uuid7(), %(enterprise)s, %(transfer)s, %(member)s, chosen.id, 0,
               (%(takers)s::uuid[])[(row_number() OVER (ORDER BY chosen.id) - 1) %% %(count)s + 1], 'waiting', '', 1
        FROM ({groups}) AS chosen ORDER BY chosen.id
        ON CONFLICT (enterprise_id, member_id, group_id) WHERE state = 'waiting' AND group_id IS NOT NULL DO NOTHING
        """,  # noqa: S608
        {
            **params,
            "enterprise": current_enterprise_id(),
            "transfer": transfer,
            "member": choice.member.pk,
            "takers": takers,
            "count": len(takers),
        },
    )
