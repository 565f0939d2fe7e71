"""U6: who sees whom. The decision, and the lists in SQL, against a slow and plain oracle on random small worlds."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.ids import uuid7
from common.tenancy import tenant
from enterprises.models import Department, Member
from tests import factories
from tests.permissions.world import rolled_back
from tests.upstream.conftest import make_partner, make_space
from upstream import queries
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
from upstream.rules.visibility import Ours, Reason, Rule, Theirs, World, decide

MEMBERS, PARTNERS, DEPARTMENTS, SUBGROUPS, RULES = 4, 4, 3, 4, 3


@st.composite
def small_worlds(draw):
    """Parents by number (always smaller, or none), places, narrowings, rules: all as plain numbers."""

    def parents(count):
        return [draw(st.integers(-1, number - 1)) if number else -1 for number in range(count)]

    def some(count, most=2):
        return draw(st.sets(st.integers(0, count - 1), max_size=most))

    return {
        "departments": parents(DEPARTMENTS),
        "subgroups": parents(SUBGROUPS),
        "inside": [draw(st.booleans()) or draw(st.booleans()) for _one in range(MEMBERS)],
        "works_in": [draw(st.integers(-1, DEPARTMENTS - 1)) for _one in range(MEMBERS)],
        "narrowed": [some(SUBGROUPS) if draw(st.booleans()) else set() for _one in range(MEMBERS)],
        "places": [some(SUBGROUPS) for _one in range(PARTNERS)],
        "open": draw(st.booleans()),
        "rules": [
            (some(MEMBERS), some(DEPARTMENTS, 1), some(SUBGROUPS), some(PARTNERS))
            for _one in range(draw(st.integers(0, RULES)))
        ],
    }


def within(parents, node, root):
    """Is `node` the `root` or below it? Step by step."""
    while node != -1:
        if node == root:
            return True
        node = parents[node]
    return False


def oracle(world, member, partner):
    """Member and partner see each other: by walking everything."""
    if not world["inside"][member]:
        return False
    places = world["places"][partner]
    narrowed = world["narrowed"][member]
    if narrowed and not any(within(world["subgroups"], place, root) for place in places for root in narrowed):
        return False
    mine, theirs = [], []
    for number, (members, departments, subgroups, partners) in enumerate(world["rules"]):
        if member in members or any(
            within(world["departments"], world["works_in"][member], root) for root in departments
        ):
            mine.append(number)
        if partner in partners or any(
            within(world["subgroups"], place, root) for place in places for root in subgroups
        ):
            theirs.append(number)
    if not mine and not theirs:
        return True
    return bool(set(mine) & set(theirs))


def as_rules(world):
    """The same small world as the decision takes it."""
    names = {kind: [uuid7() for _one in range(9)] for kind in ("member", "partner", "department", "subgroup", "rule")}

    def above(kind, parents, node):
        return {names[kind][root] for root in range(len(parents)) if within(parents, node, root)}

    ours = {
        names["member"][number]: Ours(
            names["member"][number],
            frozenset(above("department", world["departments"], world["works_in"][number])),
            frozenset(names["subgroup"][one] for one in world["narrowed"][number]),
        )
        for number in range(MEMBERS)
    }
    theirs = {
        names["partner"][number]: Theirs(
            names["partner"][number],
            frozenset(itertools.chain(*(above("subgroup", world["subgroups"], place) for place in places))),
        )
        for number, places in enumerate(world["places"])
    }
    rules = tuple(
        Rule(
            names["rule"][number],
            *(
                frozenset(names[kind][one] for one in side)
                for kind, side in zip(("member", "department", "subgroup", "partner"), sides, strict=True)
            ),
        )
        for number, sides in enumerate(world["rules"])
    )
    present = {pk: one for (pk, one), inside in zip(ours.items(), world["inside"], strict=True) if inside}
    return World(present, theirs, rules, world["open"]), list(ours.values()), list(theirs.values())


@settings(max_examples=300)
@given(small_worlds())
def test_u6_the_decision_agrees_with_the_oracle(small):
    world, ours, theirs = as_rules(small)
    for member, partner in itertools.product(range(MEMBERS), range(PARTNERS)):
        expected = oracle(small, member, partner)
        assert decide(world, ours[member], theirs[partner]).visible is expected
        assert decide(world, theirs[partner], ours[member]).visible is expected, "the other way round"
        manager = Ours(ours[member].id, manages=True)
        assert decide(world, manager, theirs[partner]).reason is Reason.MANAGES
    for one, other in itertools.product(theirs, theirs):
        assert decide(world, one, other).visible is (small["open"] or one.partner == other.partner)
    for one, other in itertools.product(range(MEMBERS), range(MEMBERS)):
        assert decide(world, ours[one], ours[other]).visible is (small["inside"][one] and small["inside"][other])


def build(small) -> tuple[Space, list[Member], list[Partner]]:
    """The same small world in the database; the scope must be open."""
    departments = []
    for number, parent in enumerate(small["departments"]):
        departments.append(
            Department.objects.create(name=f"部门{number}", parent=departments[parent] if parent >= 0 else None)
        )
    admin = factories.super_admin(ENTERPRISE[0])
    space = make_space(admin, partners_open=small["open"])
    SpaceMember.objects.all().delete()
    subgroups = []
    for number, parent in enumerate(small["subgroups"]):
        above = subgroups[parent] if parent >= 0 else None
        subgroups.append(Subgroup.objects.create(space=space, name=f"组{number}", parent=above))
    members = list(Member.objects.filter(userid__startswith="oracle").order_by("userid"))
    for number, member in enumerate(members):
        where = small["works_in"][number]
        Member.objects.filter(pk=member.pk).update(department=departments[where] if where >= 0 else None)
        if small["inside"][number]:
            seat = SpaceMember.objects.create(space=space, member=member)
            for one in small["narrowed"][number]:
                SubgroupMember.objects.create(seat=seat, subgroup=subgroups[one])
    partners = [make_partner(admin, space) for _one in range(PARTNERS)]
    for partner, places in zip(partners, small["places"], strict=True):
        for one in places:
            PartnerPlace.objects.create(partner=partner, subgroup=subgroups[one])
    kinds = (("member", members), ("department", departments), ("subgroup", subgroups), ("partner", partners))
    for number, sides in enumerate(small["rules"]):
        rule = CorrespondenceRule.objects.create(space=space, name=f"规则{number}")
        for (kind, things), side in zip(kinds, sides, strict=True):
            for one in side:
                RuleEnd.objects.create(rule=rule, **{kind: things[one]})
    return space, members, partners


ENTERPRISE = []


@pytest.mark.django_db
def test_u6_lists_in_sql_and_the_decision_give_the_same_answers(enterprise):
    ENTERPRISE[:] = [enterprise]
    with tenant(enterprise.pk):
        for number in range(MEMBERS):
            person = factories.member()
            Member.objects.filter(pk=person.pk).update(userid=f"oracle{number}")

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(small_worlds())
    def check(small):
        with rolled_back(), tenant(enterprise.pk):
            space, members, partners = build(small)
            world = queries.world(space)
            for number, member in enumerate(members):
                actor = factories.acting(enterprise, member)
                listed = set(queries.partners(actor).values_list("pk", flat=True))
                expected = {one.pk for place, one in enumerate(partners) if oracle(small, number, place)}
                assert listed == expected
                viewer = queries.as_viewer(actor, world)
                decided = {pk for pk, theirs in world.partners.items() if decide(world, viewer, theirs).visible}
                assert decided == expected

    check()
