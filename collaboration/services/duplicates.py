"""The duplicate radar: finding contacts that several members follow, and settling whose they are (O9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from collaboration.models import Duplicate
from collaboration.rules.duplicates import By, Others, State
from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from common.sql import execute, joins_never_loop, rows
from common.tenancy import current_enterprise_id
from contacts.queries import nameable
from contacts.rules import Kind
from contacts.services import owners
from contacts.services.steps import out_of_range
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy
from jobs import services as jobs
from jobs.models import JobRun
from jobs.notifications import declare, notify

PERMISSION = "contacts.assign"
JOB = "collaboration.settle_duplicates"
RADAR = "collaboration.radar"

declare(
    "duplicates.ended",
    _("%(count)s of your contacts are looked after by colleagues now. Please remove them in WeCom."),
    lambda _data: "contacts/",
    label=_("Contacts of mine are looked after by colleagues"),
    mail=True,
)

# Who follows which contact, of those that are served and have two followers of ours or more.
_FOLLOWERS = """
    SELECT follow.contact_id, follow.member_id, follow.added_at, contact.owner_id,
           (SELECT max(event.at) FROM contacts_interaction AS event
            WHERE event.enterprise_id = %(enterprise)s AND event.contact_id = follow.contact_id
              AND event.member_id = follow.member_id AND event.side <> 'system') AS last_at
    FROM (
        SELECT follow.contact_id FROM contacts_follow AS follow
        JOIN enterprises_member AS member ON member.enterprise_id = follow.enterprise_id
         AND member.id = follow.member_id AND member.status = 'active'
        WHERE follow.enterprise_id = %(enterprise)s AND follow.state = 'active'
        GROUP BY follow.contact_id HAVING count(*) > 1
    ) AS several
    JOIN contacts_contact AS contact ON contact.enterprise_id = %(enterprise)s AND contact.id = several.contact_id
     AND contact.status = 'active'
    JOIN contacts_follow AS follow ON follow.enterprise_id = %(enterprise)s
     AND follow.contact_id = several.contact_id AND follow.state = 'active'
    JOIN enterprises_member AS member ON member.enterprise_id = %(enterprise)s
     AND member.id = follow.member_id AND member.status = 'active'"""

# `rules.suggested` of each, set-based.
_SEEN = f"""
    SELECT contact_id, count(*) AS followers, max(added_at) AS joined_at,
           (array_agg(member_id ORDER BY added_at, member_id))[1] AS first_id, min(added_at) AS first_at,
           (array_agg(member_id ORDER BY last_at DESC, added_at, member_id DESC)
               FILTER (WHERE last_at IS NOT NULL))[1] AS last_id, max(last_at) AS last_at,
           coalesce(
               (array_agg(member_id ORDER BY last_at DESC, added_at, member_id DESC)
                   FILTER (WHERE last_at >= %(recent)s))[1],
               (array_agg(member_id) FILTER (WHERE member_id = owner_id))[1],
               (array_agg(member_id ORDER BY added_at, member_id))[1]) AS suggested_id
    FROM ({_FOLLOWERS}) AS follower GROUP BY contact_id"""  # noqa: S608

_THESE = "FROM collaboration_duplicate AS known WHERE known.enterprise_id = %(enterprise)s AND known.id = ANY"


@dataclass(frozen=True)
class Found:
    """What one look of the radar changed."""

    found: int
    gone: int


def radar() -> Found:
    """Look for contacts that several members follow. What was settled stays so, until another member joins."""
    now = clock.now()
    params = {"enterprise": current_enterprise_id(), "now": now, "recent": now - timedelta(days=policy().radar_days)}
    joins_never_loop()
    changed = rows(
        f"""
        WITH seen AS ({_SEEN}), written AS (
            INSERT INTO collaboration_duplicate
                (id, enterprise_id, contact_id, followers, first_id, first_at, last_id, last_at, joined_at,
                 suggested_id, found_at, state, others, before)
            SELECT uuid7(), %(enterprise)s, contact_id, followers, first_id, first_at, last_id, last_at, joined_at,
                   suggested_id, %(now)s, 'open', '', '{{}}'
            FROM seen ORDER BY contact_id
            ON CONFLICT (enterprise_id, contact_id) DO UPDATE
            SET followers = excluded.followers, first_id = excluded.first_id, first_at = excluded.first_at,
                last_id = excluded.last_id, last_at = excluded.last_at, joined_at = excluded.joined_at,
                suggested_id = excluded.suggested_id,
                state = CASE WHEN excluded.joined_at > collaboration_duplicate.settled_at THEN 'open'
                             ELSE collaboration_duplicate.state END
            RETURNING xmax = 0 AS new
        ), gone AS (
            DELETE FROM collaboration_duplicate AS known
            WHERE known.enterprise_id = %(enterprise)s AND known.state = 'open'
              AND known.contact_id NOT IN (SELECT contact_id FROM seen)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM written WHERE new), (SELECT count(*) FROM gone)
        """,  # noqa: S608
        params,
    )
    return Found(*changed[0])


def look_again(actor: Actor) -> JobRun:
    """Let the radar look now; it does so every night by itself."""
    actor.require(PERMISSION)
    return jobs.enqueue(actor, name=RADAR)


def settle(actor: Actor, *, duplicate: Duplicate, owner: Member, others: str = Others.KEEP) -> Duplicate:
    """This member is responsible from now on; the others stay friends, or their relations end.

    Raises Invalid for somebody who does not follow the contact, Conflict when it was settled meanwhile.
    """
    actor.require(PERMISSION)
    if not nameable(actor).filter(pk=owner.pk).exists():
        raise out_of_range()
    others = _others(others)
    changed = _settle(actor, [(duplicate.pk, owner.pk)], others=others, job=None)
    if not changed:
        duplicate.refresh_from_db()
        if duplicate.state == State.SETTLED:
            raise Conflict(_("This was settled already."), code="already_settled")
        raise Invalid({"owner": [_("This member does not follow the contact (any more).")]})
    duplicate.refresh_from_db()
    audit.record(
        actor,
        "duplicate.settled",
        duplicate.contact,
        after={"owner": owner.name, "others": others},
    )
    return duplicate


def reopen(actor: Actor, *, duplicate: Duplicate) -> Duplicate:
    """Take a settlement back: the former owner, and the relations that ended by it. Raises Conflict changed_since."""
    actor.require(PERMISSION)
    if not _reopen(actor, [duplicate.pk]):
        raise Conflict(_("Somebody changed the contact since."), code="changed_since")
    audit.record(actor, "duplicate.reopened", duplicate.contact)
    duplicate.refresh_from_db()
    return duplicate


def settle_all(actor: Actor, *, by: str, others: str = Others.KEEP) -> JobRun:
    """Queue settling all open duplicates that the actor sees by one rule; the job can be undone as a batch."""
    actor.require(PERMISSION)
    if by not in list(By):
        raise Invalid({"by": [_("There is no such rule.")]})
    return jobs.enqueue(actor, name=JOB, params={"by": by, "others": _others(others)})


def settle_some(actor: Actor, *, by: By, others: str, job: UUID, after: UUID, most: int) -> tuple[int, UUID | None]:
    """A step of the job: the next open ones after an id; returns how many were settled, and where the next begins."""
    column = {By.SUGGESTED: "suggested_id", By.FIRST: "first_id", By.LAST: "last_id"}[by]
    found = Duplicate.objects.visible_to(actor).filter(state=State.OPEN, pk__gt=after).order_by("pk")
    page = list(found.annotate(whose=F(column)).values_list("pk", "whose", "suggested_id")[:most])
    named = set(
        nameable(actor).filter(pk__in={whose or other for _pk, whose, other in page}).values_list("pk", flat=True)
    )
    pairs = [(pk, whose or other) for pk, whose, other in page if (whose or other) in named]
    settled = len(_settle(actor, pairs, others=others, job=job)) if pairs else 0
    if settled:
        audit.record(
            actor, "duplicates.settled", subject_type="job", subject_id=job, after={"contacts": settled, "by": by.value}
        )
    return settled, page[-1][0] if len(page) == most else None


def reopen_some(actor: Actor, *, undoes: UUID, after: UUID, most: int) -> tuple[int, UUID | None]:
    """A step of the undo of such a job."""
    found = Duplicate.objects.filter(job_id=undoes, state=State.SETTLED, pk__gt=after).order_by("pk")
    page = list(found.values_list("pk", flat=True)[:most])
    reopened = _reopen(actor, page) if page else 0
    if reopened:
        audit.record(actor, "duplicates.reopened", subject_type="job", subject_id=undoes, after={"contacts": reopened})
    return reopened, page[-1] if len(page) == most else None


# --- Set-based --------------------------------------------------------------------------------------------------


def _settle(actor: Actor, pairs: Sequence[tuple[UUID, UUID]], *, others: str, job: UUID | None) -> list[UUID]:
    """Settle these (duplicate, owner) that are still open and whose owner still follows; returns which."""
    now = clock.now()
    params: dict[str, Any] = {
        "enterprise": current_enterprise_id(),
        "ids": [pk for pk, _owner in pairs],
        "owners": [owner for _pk, owner in pairs],
        "others": others,
        "now": now,
        "by": actor.member_id,
        "job": job,
    }
    _lock(params)
    settled = rows(
        f"""
        UPDATE collaboration_duplicate AS known
        SET state = 'settled', owner_id = given.owner, others = %(others)s, by_id = %(by)s, job_id = %(job)s,
            settled_at = %(now)s, before = jsonb_build_object('owner', contact.owner_id, 'remark', contact.remark,
                'called', {owners.remark_by("given.owner")}, 'follows', coalesce((
                SELECT jsonb_agg(other.id) FROM contacts_follow AS other
                WHERE other.enterprise_id = %(enterprise)s AND other.contact_id = known.contact_id
                  AND other.state = 'active' AND other.member_id <> given.owner AND %(others)s = 'end'), '[]'))
        FROM unnest(%(ids)s::uuid[], %(owners)s::uuid[]) AS given (id, owner), contacts_contact AS contact
        WHERE known.enterprise_id = %(enterprise)s AND known.id = given.id AND known.state = 'open'
          AND contact.enterprise_id = %(enterprise)s AND contact.id = known.contact_id
          AND EXISTS (SELECT FROM contacts_follow AS follow JOIN enterprises_member AS member
                ON member.enterprise_id = follow.enterprise_id AND member.id = follow.member_id
               AND member.status = 'active'
              WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = known.contact_id
                AND follow.member_id = given.owner AND follow.state = 'active')
        RETURNING known.id
        """,  # noqa: S608 - names of ours
        params,
    )
    params["settled"] = [pk for (pk,) in settled]
    if not settled:
        return []
    mine = f"{_THESE} (%(settled)s)"
    owners.give(
        actor,
        pairs=f"SELECT known.contact_id, known.owner_id, NULL::text {mine}",
        params=params,
        key=f"settled:{uuid7()}",
        at=now,
    )
    if others == Others.END:
        _end_others(actor, params, mine)
    return params["settled"]


def _end_others(actor: Actor, params: dict[str, Any], mine: str) -> None:
    """The relations of the others end; each of those members is told how many."""
    execute(
        f"""
        INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
        SELECT uuid7(), %(enterprise)s, follow.contact_id, %(kind)s, %(side)s, %(now)s, follow.member_id,
               'settled:' || follow.id || ':' || %(moment)s, jsonb_build_object('by', 'member')
        FROM contacts_follow AS follow WHERE follow.enterprise_id = %(enterprise)s AND follow.id IN (
            SELECT jsonb_array_elements_text(known.before -> 'follows')::uuid {mine})
        """,  # noqa: S608
        {
            **params,
            "kind": Kind.UNFOLLOWED.value,
            "side": Kind.UNFOLLOWED.side.value,
            "moment": params["now"].isoformat(),
        },
    )
    ended = rows(
        f"""
        WITH ended AS (
            UPDATE contacts_follow AS follow SET state = 'deleted_by_member', ended_at = %(now)s
            WHERE follow.enterprise_id = %(enterprise)s AND follow.id IN (
                SELECT jsonb_array_elements_text(known.before -> 'follows')::uuid {mine})
            RETURNING follow.member_id
        ) SELECT member_id, count(*) FROM ended GROUP BY member_id
        """,  # noqa: S608
        params,
    )
    members = Member.objects.in_bulk([member for member, _count in ended])
    for member, count in ended:
        key = f"duplicates:{params['now'].isoformat()}"
        notify([members[member]], kind="duplicates.ended", key=key, data={"count": count})


def _reopen(actor: Actor, ids: Sequence[UUID]) -> int:
    """Take back what settling did to those that nobody changed since; returns how many."""
    now = clock.now()
    params: dict[str, Any] = {"enterprise": current_enterprise_id(), "ids": list(ids), "now": now}
    _lock(params)
    same = rows(
        """
        SELECT known.id FROM collaboration_duplicate AS known JOIN contacts_contact AS contact
          ON contact.enterprise_id = known.enterprise_id AND contact.id = known.contact_id
         AND contact.owner_id = known.owner_id
        LEFT JOIN enterprises_member AS former ON former.enterprise_id = known.enterprise_id
         AND former.id = (known.before ->> 'owner')::uuid
        WHERE known.enterprise_id = %(enterprise)s AND known.id = ANY (%(ids)s) AND known.state = 'settled'
          AND (former.id IS NULL OR former.status = 'active')
        """,
        params,
    )
    params["same"] = [pk for (pk,) in same]
    if not same:
        return 0
    mine = (
        "FROM collaboration_duplicate AS known WHERE known.enterprise_id = %(enterprise)s AND known.id = ANY (%(same)s)"
    )
    owners.give(
        actor,
        pairs=f"""SELECT contact.id, (known.before ->> 'owner')::uuid, {owners.restored("known.before")}
            FROM contacts_contact AS contact JOIN collaboration_duplicate AS known
              ON known.enterprise_id = contact.enterprise_id AND known.contact_id = contact.id
            WHERE known.enterprise_id = %(enterprise)s AND known.id = ANY (%(same)s)""",  # noqa: S608
        params=params,
        key=f"reopened:{uuid7()}",
        at=now,
    )
    execute(
        f"""
        UPDATE contacts_follow AS follow SET state = 'active', ended_at = NULL
        FROM (SELECT jsonb_array_elements_text(known.before -> 'follows')::uuid AS follow, known.settled_at {mine})
             AS ended
        WHERE follow.enterprise_id = %(enterprise)s AND follow.id = ended.follow
          AND follow.state = 'deleted_by_member' AND follow.ended_at = ended.settled_at
        """,  # noqa: S608
        params,
    )
    return execute(
        """
        UPDATE collaboration_duplicate SET state = 'open', owner_id = NULL, others = '', by_id = NULL, job_id = NULL,
            settled_at = NULL, before = '{}'
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(same)s)
        """,
        params,
    )


def _lock(params: dict[str, Any]) -> None:
    """The contacts in the order of their ids, then the duplicates."""
    execute(
        """
        SELECT FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id IN (
            SELECT contact_id FROM collaboration_duplicate
            WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s))
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )
    execute(
        """
        SELECT FROM collaboration_duplicate WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )


def _others(given: str) -> str:
    if given not in list(Others):
        raise Invalid({"others": [_("Say keep or end.")]})
    return str(Others(given).value)
