"""Lists of spaces, partners and people with their filters, and how full everything is."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from common.ids import parse_uuid
from common.tenancy import current_enterprise_id
from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy
from upstream.models import (
    CorrespondenceRule,
    CustomerLink,
    Partner,
    PartnerContact,
    PartnerPlace,
    RuleEnd,
    Series,
    Space,
    SpaceMember,
    Subgroup,
    SubgroupMember,
)

SPACE_FILTERS = ("search", "series")
PARTNER_FILTERS = ("search", "space", "series", "subgroup", "kind", "owner", "virtual", "region")
PEOPLE_FILTERS = ("search", "space", "series", "partner", "subgroup", "customer", "leader")
NONE = "none"


# --- Lists ------------------------------------------------------------------------------------------------


def spaces(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[Space]:
    """The spaces that exist for the actor, with how many of ours are in each."""
    query = query or {}
    found = Space.objects.visible_to(actor).select_related("series").annotate(present=Count("members"))
    if search := query.get("search", "").strip():
        found = found.filter(name__icontains=search)
    if series := query.get("series"):
        found = found.filter(series=None if series == NONE else _uuid("series", series))
    return found


def partners(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[Partner]:
    """The partners that the actor sees. `search`: any name, pinyin, or person; a subgroup includes those below."""
    query = query or {}
    found = Partner.objects.visible_to(actor).select_related("space", "owner")
    if search := query.get("search", "").strip():
        by_person = PartnerContact.objects.search(search).values("partner_id")
        found = found.filter(Q(pk__in=Partner.objects.search(search).values("pk")) | Q(pk__in=by_person))
    if space := query.get("space"):
        found = found.filter(space=_uuid("space", space))
    if series := query.get("series"):
        found = found.filter(space__series=_uuid("series", series))
    if subgroup := query.get("subgroup"):
        if subgroup == NONE:
            found = found.filter(places=None)
        else:
            found = found.filter(pk__in=_placed(_uuid("subgroup", subgroup)))
    if kind := query.get("kind"):
        if kind not in Partner.Kind.values:
            raise Invalid({"kind": [_("Choose one of the offered values.")]})
        found = found.filter(kind=kind)
    if owner := query.get("owner"):
        found = found.filter(
            owner=None if owner == NONE else actor.member_id if owner == "me" else _uuid("owner", owner)
        )
    if virtual := query.get("virtual"):
        found = found.filter(virtual=_boolean("virtual", virtual))
    if region := query.get("region", "").strip():
        found = found.filter(region=region)
    return found


def people(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[PartnerContact]:
    """The people of partners that the actor sees: of a space, a series, a subgroup, or all of one partner (U5)."""
    query = query or {}
    found = PartnerContact.objects.visible_to(actor).select_related("person", "partner", "space")
    if search := query.get("search", "").strip():
        found = found.search(search)
    if space := query.get("space"):
        found = found.filter(space=_uuid("space", space))
    if series := query.get("series"):
        found = found.filter(space__series=_uuid("series", series))
    if partner := query.get("partner"):
        found = found.filter(partner=_uuid("partner", partner))
    if subgroup := query.get("subgroup"):
        found = found.filter(partner__in=_placed(_uuid("subgroup", subgroup)))
    if customer := query.get("customer"):
        linked = CustomerLink.objects.values("person")
        wanted = Q(person__in=linked)
        found = found.filter(wanted if _boolean("customer", customer) else ~wanted)
    if leader := query.get("leader"):
        found = found.filter(leader=_boolean("leader", leader))
    return found


def members(space: Space) -> QuerySet[SpaceMember]:
    """Those of ours who are in the space, with the subgroups that narrow them."""
    return (
        SpaceMember.objects.filter(space=space)
        .select_related("member__department")
        .prefetch_related(Prefetch("subgroups", SubgroupMember.objects.select_related("subgroup")))
    )


def rules(space: Space) -> QuerySet[CorrespondenceRule]:
    """The correspondence rules of the space with what they name."""
    ends = RuleEnd.objects.select_related("member", "department", "subgroup", "partner").order_by("id")
    return CorrespondenceRule.objects.filter(space=space).prefetch_related(Prefetch("ends", ends))


def places(found: list[Partner]) -> None:
    """Load the subgroups of a page of partners, as `partner.in_subgroups`."""
    by_partner: dict[UUID, list[Subgroup]] = defaultdict(list)
    rows = PartnerPlace.objects.filter(partner__in=[one.pk for one in found]).select_related("subgroup")
    for place in rows.order_by("subgroup__position", "subgroup__name", "id"):
        by_partner[place.partner_id].append(place.subgroup)
    for partner in found:
        partner.in_subgroups = by_partner[partner.pk]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Also:
    """Where else a person is: other spaces that the actor sees, and the customer they are, if the actor sees it."""

    seats: list[PartnerContact]
    customer: Contact | None


def linked(actor: Actor, found: list[PartnerContact]) -> None:
    """Load for a page of people where else they are, as `seat.also` (U5): two queries."""
    persons = [one.person_id for one in found]
    seats: dict[UUID, list[PartnerContact]] = defaultdict(list)
    others = PartnerContact.objects.visible_to(actor).filter(person__in=persons).select_related("space", "partner")
    for seat in others.order_by("joined_at", "id"):
        seats[seat.person_id].append(seat)
    links = dict(CustomerLink.objects.filter(person__in=persons).values_list("person_id", "contact_id"))
    visible = Contact.objects.visible_to(actor).in_bulk(list(links.values())) if links else {}
    for one in found:
        elsewhere = [seat for seat in seats[one.person_id] if seat.pk != one.pk]
        one.also = Also(elsewhere, visible.get(links.get(one.person_id)))  # type: ignore[attr-defined,arg-type]


_CUSTOMER_SEATS = """SELECT link.contact_id, seat.space_id, space.name
    FROM upstream_partnercontact AS seat
    JOIN upstream_customerlink AS link ON link.enterprise_id = seat.enterprise_id AND link.person_id = seat.person_id
    JOIN upstream_space AS space ON space.enterprise_id = seat.enterprise_id AND space.id = seat.space_id
    WHERE seat.enterprise_id = %s"""


def customer_seats(actor: Actor) -> tuple[str, tuple[Any, ...]] | None:
    """Contact, space and its name of people who are customers as well: for `contacts.spaces` (U5)."""
    if not actor.may("spaces.view"):
        return None
    enterprise = current_enterprise_id()
    if actor.sees_all:
        return _CUSTOMER_SEATS, (enterprise,)
    partners, params = Partner.objects.visible_to(actor).order_by().values("id").query.sql_with_params()
    return f"{_CUSTOMER_SEATS} AND seat.partner_id IN ({partners})", (enterprise, *params)


# --- Usage ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Usage:
    """How many of how many."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0

    @property
    def bar(self) -> str:
        """The class of its bar: yellow from 90 %, red when full."""
        return "is-red" if self.used >= self.limit else "is-yellow" if self.share >= 0.9 else "is-green"


def people_usage(partner: Partner) -> Usage:
    """People of a partner."""
    return Usage(partner.contact_count, policy().partner_people)


def series(actor: Actor) -> QuerySet[Series]:
    """The series that have a space which the actor sees."""
    return Series.objects.filter(pk__in=Space.objects.visible_to(actor).exclude(series=None).values("series"))


def _placed(subgroup: UUID) -> QuerySet:
    """The partners in a subgroup or below it."""
    subtree = RawSQL("SELECT subgroup_subtree(%s::uuid[])", ([subgroup],))
    return PartnerPlace.objects.filter(subgroup_id__in=subtree).values("partner_id")


def _uuid(field: str, value: Any) -> UUID:
    found = parse_uuid(value)
    if found is None:
        raise Invalid({field: [_("This is not an id.")]})
    return found


def _boolean(field: str, value: str) -> bool:
    if value not in ("true", "false", "1", "0"):
        raise Invalid({field: [_("Say true or false.")]})
    return value in ("true", "1")


def present_members() -> QuerySet[Member]:
    """Members who can be put into a space or named by a rule."""
    return Member.objects.filter(status=Member.Status.ACTIVE).order_by("name", "id")
