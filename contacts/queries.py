"""Reads about contacts that are more than a queryset: documents, timeline, who sees whom."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from common import clock, paging
from common.asked import an_id, yes_or_no
from common.choices import Choice
from common.errors import Invalid
from common.sql import dicts, row, rows
from common.tenancy import current_enterprise_id
from contacts import spaces
from contacts.models import Contact, Follow, Grant, GroupChat, GroupMember, Interaction
from contacts.rules import MASKED_PHONE, Kind, Side
from enterprises.actors import Actor
from enterprises.authority import members_in_range
from enterprises.models import AdminRange, Member, Role


def nameable(actor: Actor) -> QuerySet[Member]:
    """The active members whom this actor may name as owner or follower: a graded admin those in range (O4)."""
    member = actor.member
    members = Member.objects.filter(status=Member.Status.ACTIVE)
    if member is not None and member.role.scope == Role.Scope.DEPARTMENTS:
        return members.filter(pk__in=members_in_range(member).values("id"))
    return members


# --- Documents -------------------------------------------------------------------------------------------


def _time(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


_MASKED = f"ARRAY(SELECT {MASKED_PHONE.format('phone')} FROM unnest(c.phones) AS phone)"  # noqa: S608


# PostgreSQL writes the JSON: a page of contacts with all that belongs to them costs one statement and no loop.
# Its parameters: the present, and those of `seats`.
def _document(phones: bool, seats: str, more: str = "") -> str:
    numbers = "c.phones" if phones else _MASKED
    return f"""json_build_object(
    'id', c.id, 'external_userid', c.external_userid, 'unionid', c.unionid, 'name', c.name, 'remark', c.remark,
    'kind', c.kind, 'company', c.company, 'phones', {numbers}, 'status', c.status,
    'owner', CASE WHEN o.id IS NOT NULL THEN json_build_object('id', o.id, 'name', o.name) END,
    'followers', COALESCE((
        SELECT json_agg(json_build_object(
            'member', json_build_object('id', m.id, 'name', m.name),
            'added_at', {_time("f.added_at")}, 'remark', f.remark, 'source', f.source
        ) ORDER BY f.added_at, f.id)
        FROM contacts_follow f
        JOIN enterprises_member m ON m.enterprise_id = f.enterprise_id AND m.id = f.member_id
        WHERE f.enterprise_id = c.enterprise_id AND f.contact_id = c.id AND f.state = 'active'
    ), '[]'::json),
    'collaborators', COALESCE((
        SELECT json_agg(json_build_object(
            'member', json_build_object('id', m.id, 'name', m.name),
            'level', held.level, 'expires_at', {_time("held.expires_at")}
        ) ORDER BY held.granted_at, held.id)
        FROM contacts_grant held
        JOIN enterprises_member m ON m.enterprise_id = held.enterprise_id AND m.id = held.member_id
        WHERE held.enterprise_id = c.enterprise_id AND held.contact_id = c.id
          AND held.member_id IS DISTINCT FROM c.owner_id AND (held.expires_at IS NULL OR held.expires_at > %s)
    ), '[]'::json),
    'grade', c.grade, 'grade_source', c.grade_source, 'spend_365d', c.spend_365d::text, 'activity', c.activity,
    'inactive', c.inactive, 'last_contact_at', {_time("c.last_contact_at")},
    'last_customer_at', {_time("c.last_customer_at")}, 'added_at', {_time("c.added_at")},
    'archived_at', {_time("c.archived_at")},
    'tags', COALESCE((
        SELECT json_agg(json_build_object('id', t.id, 'name', t.name, 'group', g.name)
                        ORDER BY g.position, g.name, t.position, t.name)
        FROM contacts_tag t
        JOIN contacts_taggroup g ON g.enterprise_id = t.enterprise_id AND g.id = t.group_id
        WHERE t.enterprise_id = c.enterprise_id AND t.id IN (
            SELECT ft.tag_id FROM contacts_followtag ft
            WHERE ft.enterprise_id = c.enterprise_id AND ft.contact_id = c.id)
    ), '[]'::json),
    'spaces', COALESCE((
        SELECT json_agg(json_build_object('id', seat.space_id, 'name', seat.name) ORDER BY seat.name, seat.space_id)
        FROM ({seats}) AS seat (contact_id, space_id, name) WHERE seat.contact_id = c.id
    ), '[]'::json){more}
)::text"""  # noqa: S608 - nothing of it comes from outside


_OWNERS = "LEFT JOIN enterprises_member o ON o.enterprise_id = c.enterprise_id AND o.id = c.owner_id"


@cache
def _one(phones: bool, seats: str) -> str:
    more = f", 'description', c.description, 'lost_at', {_time('c.lost_at')}"
    return f"""
        SELECT {_document(phones, seats, more)}
        FROM contacts_contact c {_OWNERS}
        WHERE c.enterprise_id = %s AND c.id = %s
        """  # noqa: S608 - nothing of it comes from outside


@cache
def _page(phones: bool, seats: str) -> str:
    return f"""
        SELECT page.id, page.key, {_document(phones, seats)}
        FROM ({{source}}) AS page (id, key)
        JOIN contacts_contact c ON c.enterprise_id = %s AND c.id = page.id {_OWNERS}
        ORDER BY page.key {{direction}}, page.id {{direction}}
        """  # noqa: S608


def document(actor: Actor, contact: Contact) -> orjson.Fragment:
    """The contact as API.md shows it, ready JSON, with what lists do not carry. Phones as the actor may see them."""
    seats, params = _seats(actor)
    statement = _one(actor.may("contacts.phones"), seats)
    found = row(statement, (clock.now(), *params, current_enterprise_id(), contact.pk))
    assert found is not None
    return orjson.Fragment(found[0])


def _seats(actor: Actor) -> tuple[str, tuple[Any, ...]]:
    return spaces.seats(actor) or ("SELECT NULL::uuid, NULL::uuid, NULL::text LIMIT 0", ())


@cache
def _read(column: str) -> Callable[..., Any]:
    return namedtuple("Read", ("id", column, "document"))


def documents(actor: Actor, asked: paging.Keyset) -> tuple[paging.Page, list[orjson.Fragment]]:
    """A page of contacts and their documents as API.md shows them, in one statement."""
    seats, known = _seats(actor)
    made, statement = _read(asked.column), _page(actor.may("contacts.phones"), seats)
    direction = "DESC" if asked.descending else "ASC"

    def reader(queryset: QuerySet) -> list[Any]:
        source, params = queryset.values_list("id", asked.column).query.sql_with_params()
        found = rows(
            statement.format(source=source, direction=direction),
            (clock.now(), *known, *params, current_enterprise_id()),
        )
        return [made(*one) for one in found]

    page = asked.read(reader)
    return page, [orjson.Fragment(one.document) for one in page.rows]


# --- Timeline --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """An entry of the timeline: an interaction, or a purchase or refund."""

    id: UUID
    at: datetime
    kind: str
    side: str
    member: dict[str, Any] | None
    data: dict[str, Any]


_TIMELINE = """
SELECT e.id, e.at, e.kind, e.side, m.id AS member_id, m.name AS member_name, e.data
FROM (
    (SELECT id, at, kind, side, member_id, data
     FROM contacts_interaction
     WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s {interactions}
     ORDER BY at {direction}, id {direction} LIMIT %(limit)s)
    UNION ALL
    (SELECT id, paid_at, CASE WHEN refund THEN 'refund' ELSE 'purchase' END, 'customer', NULL,
            jsonb_build_object('order_no', order_no, 'amount', amount::text)
     FROM contacts_purchase
     WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s {purchases}
     ORDER BY paid_at {direction}, id {direction} LIMIT %(limit)s)
) e
LEFT JOIN enterprises_member m ON m.enterprise_id = %(enterprise)s AND m.id = e.member_id
ORDER BY e.at {direction}, e.id {direction} LIMIT %(limit)s
"""


def timeline(
    contact: Contact,
    *,
    size: int,
    kinds: Iterable[str] = (),
    after: tuple[datetime, UUID] | None = None,
    backwards: bool = False,
) -> list[Event]:
    """Interactions and purchases, the newest first, from the position `after` on (C6).

    `backwards` reads towards the present and returns the oldest first. Whoever sees the contact sees all of it,
    whoever wrote it (O5).
    """
    interactions = purchases = ""
    params: dict[str, Any] = {"enterprise": current_enterprise_id(), "contact": contact.pk, "limit": size}
    if wanted := list(kinds):
        params["kinds"] = wanted
        interactions += " AND kind = ANY (%(kinds)s)"
        purchases += " AND CASE WHEN refund THEN 'refund' ELSE 'purchase' END = ANY (%(kinds)s)"
    if after is not None:
        params["at"], params["id"] = after
        beyond = ">" if backwards else "<"
        interactions += f" AND (at, id) {beyond} (%(at)s, %(id)s)"
        purchases += f" AND (paid_at, id) {beyond} (%(at)s, %(id)s)"
    direction = "ASC" if backwards else "DESC"
    statement = _TIMELINE.format(interactions=interactions, purchases=purchases, direction=direction)
    return [
        Event(
            id=row["id"],
            at=row["at"],
            kind=row["kind"],
            side=row["side"],
            member={"id": row["member_id"], "name": row["member_name"]} if row["member_id"] else None,
            data=row["data"] if isinstance(row["data"], dict) else orjson.loads(row["data"]),
        )
        for row in dicts(statement, params)
    ]


ORDER = "-at"


def timeline_page(
    contact: Contact,
    *,
    size: int,
    kinds: Sequence[str] = (),
    sides: Sequence[str] = (),
    cursor: str | None = None,
) -> paging.Page:
    """A page of the timeline, the newest first: of some kinds, and of what some side did, or all of it.

    Raises Invalid for unknown kinds and sides and for foreign cursors.
    """
    for field, given, known in (("kinds", kinds, set(Kind)), ("side", sides, set(Side))):
        if unknown := set(given) - known:
            raise Invalid({field: [_("There is no kind “%(kind)s”.") % {"kind": min(unknown)[:64]}]})
    if sides:
        kinds = [kind for kind in Kind if kind.side in sides and (not kinds or kind in kinds)]
        if not kinds:
            return paging.Page(rows=[], next=None, previous=None)
    backwards, after = paging.position(cursor, ORDER, Interaction.objects.all()) if cursor else (False, None)
    events = timeline(contact, size=size + 1, kinds=kinds, after=after, backwards=backwards)
    more = len(events) > size
    events = events[:size]
    if backwards:
        events.reverse()
    has_next, has_previous = (True, more) if backwards else (more, cursor is not None)
    return paging.Page(
        rows=events,
        next=paging.cursor_after(events[-1], ORDER) if events and has_next else None,
        previous=paging.cursor_before(events[0], ORDER) if events and has_previous else None,
    )


# --- Groups ----------------------------------------------------------------------------------------------

GROUP_FILTERS = ("search", "owner", "dismissed")


def groups(actor: Actor, params: Mapping[str, str] | None = None) -> QuerySet[GroupChat]:
    """The group chats that the actor may see, with `owner` and `size`, the number of outside people in it now."""
    params = params or {}
    inside = GroupMember.objects.filter(group_id=OuterRef("pk"), left_at=None).order_by()
    size = inside.values("group_id").annotate(number=Count("*")).values("number")
    found = GroupChat.objects.visible_to(actor).select_related("owner").annotate(size=Coalesce(Subquery(size), 0))
    if text := params.get("search", "").strip():
        found = found.filter(name__startswith=text)
    if owner := params.get("owner"):
        found = found.filter(owner_id=an_id("owner", owner))
    if dismissed := params.get("dismissed"):
        found = found.filter(dismissed_at__isnull=not yes_or_no("dismissed", dismissed))
    return found


def group_members(actor: Actor, group: GroupChat) -> QuerySet[GroupMember]:
    """The people in the group now, as far as they exist for the actor (O5)."""
    seen = Contact.objects.visible_to(actor).filter(pk=OuterRef("contact_id"))
    return GroupMember.objects.filter(Exists(seen), group=group, left_at=None).select_related("contact")


# --- Who sees whom ---------------------------------------------------------------------------------------


class Rule(Choice):
    """Why a member sees a contact (O4, O5)."""

    EVERYTHING = "everything", _("Sees the whole enterprise")
    RANGE = "range", _("Manages the owner's department")
    OWNER = "owner", _("Is the owner")
    FOLLOWER = "follower", _("Is a friend of the contact")
    COLLABORATOR = "collaborator", _("Collaborates")


@dataclass(frozen=True)
class Viewer:
    """A member who sees a contact, and by which rules.

    `departments`: through which given departments; `grant`: the collaborator's, in force.
    """

    member: Member
    rules: tuple[Rule, ...]
    departments: tuple[str, ...] = ()
    grant: Grant | None = None


_ANCESTORS = """
WITH RECURSIVE up AS (
    SELECT d.id, d.parent_id FROM enterprises_department d
    WHERE d.enterprise_id = %s AND d.id = %s
    UNION
    SELECT d.id, d.parent_id FROM enterprises_department d JOIN up ON d.id = up.parent_id
    WHERE d.enterprise_id = %s
)
SELECT id FROM up
"""


def viewers(contact: Contact) -> list[Viewer]:
    """Who sees this contact, and why: `ContactQuerySet.visible_to` from the other side (O5)."""
    department = contact.owner.department_id if contact.owner else None
    enterprise = current_enterprise_id()
    above = RawSQL(_ANCESTORS, (enterprise, department, enterprise))  # noqa: S611
    follows = Follow.objects.filter(contact=contact, member_id=OuterRef("pk"))
    given = AdminRange.objects.filter(member_id=OuterRef("pk"), department_id__in=above)
    grants = {grant.member_id: grant for grant in Grant.objects.filter(contact=contact).in_force()}
    members = (
        Member.objects.filter(status=Member.Status.ACTIVE)
        .annotate(
            follows_it=Exists(follows.exclude(state=Follow.State.DELETED_BY_MEMBER)),
            in_range=Exists(given),
        )
        .filter(
            Q(role__scope=Role.Scope.ALL)
            | Q(role__scope=Role.Scope.DEPARTMENTS, in_range=True)
            | Q(role__scope=Role.Scope.RELATED) & (Q(pk=contact.owner_id) | Q(follows_it=True) | Q(pk__in=grants))
        )
        .select_related("role", "department")
        .order_by("role__scope", "name", "id")
    )
    granted: dict[UUID, list[str]] = {}
    for member_id, name in AdminRange.objects.filter(department_id__in=above).values_list(
        "member_id", "department__name"
    ):
        granted.setdefault(member_id, []).append(name)
    return [
        _viewer(member, contact, tuple(sorted(granted.get(member.pk, ()))), grants.get(member.pk))
        for member in members
        if "contacts.view" in member.role.codes
    ]


def _viewer(member: Any, contact: Contact, departments: tuple[str, ...], grant: Grant | None) -> Viewer:
    found = []
    if member.role.scope == Role.Scope.ALL:
        found.append(Rule.EVERYTHING)
    if member.role.scope == Role.Scope.DEPARTMENTS:
        found.append(Rule.RANGE)
    if member.pk == contact.owner_id:
        found.append(Rule.OWNER)
    if member.follows_it:
        found.append(Rule.FOLLOWER)
    if grant is not None:
        found.append(Rule.COLLABORATOR)
    return Viewer(member, tuple(found), departments if Rule.RANGE in found else (), grant)


def between(found: QuerySet, actor: Actor, params: Mapping[str, Any]) -> QuerySet:
    """Of rows that have a contact and a member: those of contacts that the actor sees (O5), and of `params["member"]`.

    Raises Invalid for what is no id.
    """
    if wanted := params.get("member"):
        found = found.filter(member_id=an_id("member", wanted))
    if actor.member is not None:
        found = found.filter(contact__in=Contact.objects.visible_to(actor).values("id"))
    return found
