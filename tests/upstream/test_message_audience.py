"""U9: an audience in SQL, its preview and its fan-out, against a slow and plain oracle on random small worlds."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.ids import uuid7
from common.tenancy import tenant
from enterprises.models import Member
from tests import factories
from tests.permissions.world import rolled_back
from tests.upstream.conftest import make_space
from upstream.models import (
    CorrespondenceRule,
    Message,
    MessageDelivery,
    Partner,
    PartnerContact,
    PartnerPlace,
    Person,
    RuleEnd,
    Series,
    SpaceMember,
    Subgroup,
)
from upstream.queries import audiences
from upstream.rules.audience import Audience
from upstream.services.sending import FIRST

SPACES, SUBGROUPS, PARTNERS, PERSONS = 3, 4, 5, 4
KINDS, REGIONS = ("brand", "media"), ("", "华东", "华南")


@st.composite
def small_worlds(draw):
    """Everything as plain numbers: spaces (some of a series), subgroups with parents, partners, seats, an audience."""

    def some(count, most=2):
        return draw(st.sets(st.integers(0, count - 1), max_size=most))

    groups = []
    for number in range(SUBGROUPS):
        parent = draw(st.integers(-1, number - 1)) if number else -1
        groups.append((groups[parent][0] if parent >= 0 else draw(st.integers(0, SPACES - 1)), parent))
    partners = []
    for _one in range(PARTNERS):
        space = draw(st.integers(0, SPACES - 1))
        inside = {group for group in some(SUBGROUPS) if groups[group][0] == space}
        partners.append((space, inside, draw(st.sampled_from(KINDS)), draw(st.sampled_from(REGIONS))))
    seats = []
    for partner, (space, *_rest) in enumerate(partners):
        for person in sorted(some(PERSONS, 3)):
            if not any(partners[other][0] == space and who == person for other, who, _leads in seats):
                seats.append((partner, person, draw(st.booleans())))
    return {
        "series": {space for space in range(SPACES) if draw(st.booleans())},
        "subgroups": groups,
        "partners": partners,
        "seats": seats,
        # The sender: everybody; or somebody who corresponds with these partners alone.
        "sees": draw(st.none() | st.sets(st.integers(0, PARTNERS - 1), max_size=4)),
        "audience": {
            "spaces": some(SPACES),
            "series": draw(st.booleans()),
            "subgroups": some(SUBGROUPS, 1),
            "partners": some(PARTNERS),
            "kinds": some(len(KINDS), 1) if draw(st.booleans()) else set(),
            "regions": some(len(REGIONS) - 1, 1) if draw(st.booleans()) else set(),
            "leaders": draw(st.booleans()) and draw(st.booleans()),
            "but_subgroups": some(SUBGROUPS, 1),
            "but_partners": some(PARTNERS, 1),
            "but_persons": some(PERSONS, 1),
        },
    }


def inside(world, partner, roots):
    """Is the partner in one of these subgroups or below? Step by step."""
    for group in world["partners"][partner][1]:
        while group != -1:
            if group in roots:
                return True
            group = world["subgroups"][group][1]
    return False


def oracle(world):
    """Who gets it, in which seat; and for the others a count of the reasons. By walking everything."""
    to = world["audience"]
    barred = set(to["but_persons"])
    for partner, person, _leads in world["seats"]:
        if partner in to["but_partners"] or inside(world, partner, to["but_subgroups"]):
            barred.add(person)
    gets, reasons = {}, Counter()
    for seat, (partner, person, leads) in enumerate(world["seats"]):
        space, _groups, kind, region = world["partners"][partner]
        named = space in to["spaces"] or (to["series"] and space in world["series"]) or partner in to["partners"]
        if not (named or inside(world, partner, to["subgroups"])):
            continue
        if to["kinds"] and KINDS.index(kind) not in to["kinds"]:
            continue
        if to["regions"] and REGIONS.index(region) - 1 not in to["regions"]:
            continue
        if to["leaders"] and not leads:
            continue
        if person in barred:
            reasons["excluded"] += 1
        elif world["sees"] is not None and partner not in world["sees"]:
            reasons["unseen"] += 1
        elif person in gets:
            reasons["duplicate"] += 1
        else:
            gets[person] = seat
    return gets, reasons


def build(small, admin, clerk):
    """The same world in the database; the scope must be open. Returns the audience, seats and persons."""
    series = Series.objects.create(name="系列")
    spaces = [make_space(admin) for _one in range(SPACES)]
    for number, space in enumerate(spaces):
        SpaceMember.objects.create(space=space, member=clerk)
        if number in small["series"]:
            type(space).objects.filter(pk=space.pk).update(series=series, number=number + 1)
    groups: list[Subgroup] = []
    for number, (space, parent) in enumerate(small["subgroups"]):
        above = groups[parent] if parent >= 0 else None
        groups.append(Subgroup.objects.create(space=spaces[space], name=f"组{number}", parent=above))
    partners = []
    for number, (space, places, kind, region) in enumerate(small["partners"]):
        partner = Partner(id=uuid7(), space=spaces[space], name=f"伙伴{number}", kind=kind, region=region)
        partner.write_keys()
        partner.contact_count = sum(of == number for of, _person, _leads in small["seats"])
        partner.save(force_insert=True)
        PartnerPlace.objects.bulk_create(PartnerPlace(partner=partner, subgroup=groups[one]) for one in places)
        partners.append(partner)
    persons = [Person.objects.create(name=f"人{number}", pinyin="", initials="") for number in range(PERSONS)]
    seats = [
        PartnerContact.objects.create(
            space=partners[partner].space, partner=partners[partner], person=persons[person], leader=leads
        )
        for partner, person, leads in small["seats"]
    ]
    if small["sees"] is not None:
        for number, space in enumerate(spaces):
            rule = CorrespondenceRule.objects.create(space=space, name="规则")
            RuleEnd.objects.create(rule=rule, member=clerk)
            for one in small["sees"]:
                if small["partners"][one][0] == number:
                    RuleEnd.objects.create(rule=rule, partner=partners[one])
    things = {"spaces": spaces, "subgroups": groups, "partners": partners, "persons": persons}
    to = small["audience"]
    named = {
        name: {things[name.removeprefix("but_")][one].pk for one in to[name]}
        for name in ("spaces", "subgroups", "partners", "but_subgroups", "but_partners", "but_persons")
    }
    audience = Audience.of(
        {
            **named,
            "series": [series.pk] if to["series"] else [],
            "kinds": [KINDS[one] for one in to["kinds"]],
            "regions": [REGIONS[one + 1] for one in to["regions"]],
            "leaders": to["leaders"],
        }
    )
    return audience, seats, persons


def fanned_out(actor, audience, size):
    """Everybody who has a row, with the seat, after the whole fan-out."""
    message = Message.objects.create(title="x", audience=audience.data())
    after, number = FIRST, 0
    while after is not None:
        queued, after = audiences.fan_out(actor, message.to, message=message.pk, after=after, size=size)
        number += queued
    rows = dict(MessageDelivery.objects.filter(message=message).values_list("person_id", "seat_id"))
    assert number == len(rows)
    return rows


@given(small_worlds())
@settings(max_examples=100)
def test_u9_an_audience_is_read_back_as_it_was(small):
    to = {
        name: {uuid7() for _one in ids} for name, ids in small["audience"].items() if isinstance(ids, set) and ids
    } | {"kinds": {"brand"}, "leaders": small["audience"]["leaders"]}
    audience = Audience.of(to)
    assert Audience.of(audience.data()) == audience


@pytest.mark.django_db
def test_u9_preview_and_fan_out_agree_with_the_oracle(enterprise):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        role = factories.role("spaces.view", "spaces.message", scope="related")
        clerk = factories.member("员工", role=role)

    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    @given(small_worlds(), st.sampled_from([1, 3, 5000]))
    def check(small, size):
        with rolled_back(), tenant(enterprise.pk):
            audience, seats, persons = build(small, admin, Member.objects.get(pk=clerk.pk))
            actor = admin if small["sees"] is None else factories.acting(enterprise, clerk)
            gets, reasons = oracle(small)
            found = audiences.preview(actor, audience)
            assert found.people == len(gets)
            assert {name: number for name, number in found.left_out.items() if number} == dict(reasons)
            expected = {persons[person].pk: seats[seat].pk for person, seat in gets.items()}
            assert fanned_out(actor, audience, size) == expected

    check()
