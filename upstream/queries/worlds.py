"""A space as decisions take it (U6): who is in it, what narrows them, which rules there are."""

from collections import defaultdict
from uuid import UUID

from enterprises.actors import Actor
from enterprises.models import Department
from upstream.models import (
    CorrespondenceRule,
    Partner,
    PartnerPlace,
    RuleEnd,
    Space,
    SpaceMember,
    Subgroup,
    SubgroupMember,
)
from upstream.querysets import manages
from upstream.rules.visibility import Ours, Rule, Theirs, World
from upstream.services.subgroups import path


def world(space: Space, *, partners: list[Partner] | None = None) -> World:
    """The space as `rules.visibility.decide` takes it; `partners`: only these, where that is enough."""
    tree = dict(Subgroup.objects.filter(space=space).values_list("pk", "parent_id"))
    places = PartnerPlace.objects.filter(partner__space=space)
    ids = Partner.objects.filter(space=space)
    if partners is not None:
        wanted = [one.pk for one in partners]
        places, ids = places.filter(partner__in=wanted), ids.filter(pk__in=wanted)
    inside: dict[UUID, set[UUID]] = {pk: set() for pk in ids.values_list("pk", flat=True)}
    for partner, subgroup in places.values_list("partner_id", "subgroup_id"):
        if partner in inside:
            inside[partner].update(path(tree, subgroup))
    return World(
        members={one.id: one for one in _ours(space)},
        partners={pk: Theirs(pk, frozenset(above)) for pk, above in inside.items()},
        rules=tuple(_rules(space)),
        open=space.partners_open,
    )


def as_viewer(actor: Actor, known: World) -> Ours:
    """The actor as somebody who looks into the space."""
    if manages(actor):
        return Ours(actor.member_id or actor.enterprise.pk, manages=True)
    assert actor.member_id is not None
    return known.members.get(actor.member_id, Ours(actor.member_id))


def _ours(space: Space) -> list[Ours]:
    above = dict(Department.objects.values_list("pk", "parent_id"))
    narrowed: dict[UUID, set[UUID]] = defaultdict(set)
    for seat, subgroup in SubgroupMember.objects.filter(seat__space=space).values_list("seat_id", "subgroup_id"):
        narrowed[seat].add(subgroup)
    seats = SpaceMember.objects.filter(space=space).values_list("pk", "member_id", "member__department_id")
    return [
        Ours(member, frozenset(path(above, department) if department else ()), frozenset(narrowed[pk]))
        for pk, member, department in seats
    ]


def _rules(space: Space) -> list[Rule]:
    ends: dict[UUID, dict[str, set[UUID]]] = defaultdict(lambda: defaultdict(set))
    found = RuleEnd.objects.filter(rule__space=space)
    for rule, *named in found.values_list("rule_id", "member_id", "department_id", "subgroup_id", "partner_id"):
        for side, pk in zip(("members", "departments", "subgroups", "partners"), named, strict=True):
            if pk is not None:
                ends[rule][side].add(pk)
    ordered = CorrespondenceRule.objects.filter(space=space).values_list("pk", flat=True)
    return [Rule(pk, **{side: frozenset(ids) for side, ids in ends[pk].items()}) for pk in ordered]
