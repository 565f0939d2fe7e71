"""Seats and what they cost (Q17): every number is that of the list which it opens, and the parts add up."""

from decimal import Decimal

import pytest

from common import clock
from common.tenancy import tenant
from contacts import seats
from contacts.filters import ContactFilter
from contacts.models import Contact
from contacts.services import groups
from contacts.services.contacts import archive_contact
from enterprises.models import Department
from enterprises.services import GRADED_ADMIN
from quota.queries import running_package
from quota.services import buy_package
from tests import factories
from tests.factories import NOON

URL = "/api/v1/quota/seats"
FILTERS = {"grades": "grade", "departments": "team", "sources": "came_by", "relations": "relation"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def seated(inside):
    """Two teams, one below the other; sources of owners and of second friends; somebody who is only in a group."""
    south = Department.objects.create(name="华南")
    shenzhen = Department.objects.create(name="深圳", parent=south)
    anna, bob = factories.member("Anna", department=south), factories.member("Bob", department=shenzhen)
    made = [
        factories.contact(inside, follower=anna, source="scan_qr"),
        factories.contact(inside, follower=anna, source="link"),
        factories.contact(inside, follower=bob, source="scan_qr"),
        factories.contact(inside, follower=bob),
    ]
    factories.contact(inside, external_userid=made[1].external_userid, name="x", follower=bob, source="scan_qr")
    Contact.objects.filter(pk=made[0].pk).update(grade="high")
    Contact.objects.filter(pk=made[2].pk).update(grade="middle")
    group = groups.create_group(inside, name="群", chat_id="wr1")
    groups.invite(inside, group=group, people=[groups.Person("wm-guest", "客人")])
    archive_contact(inside, contact=factories.contact(inside, follower=anna, source="scan_qr"))
    return south, shenzhen


def numbers(parts):
    return {part.value or "none": part.seats for part in parts}


def test_q17_every_number_is_that_of_the_list_it_opens(inside, seated):
    south, shenzhen = seated
    divided = seats.divide(seats.count(), None)
    assert numbers(divided.grades) == {"high": 1, "middle": 1, "low": 3}
    assert numbers(divided.departments) == {str(south.pk): 2, str(shenzhen.pk): 2, "none": 1}
    assert numbers(divided.sources) == {"scan_qr": 2, "none": 2, "link": 1}
    assert numbers(divided.relations) == {"friend": 4, "group_only": 1}
    for way, name in FILTERS.items():
        for value, number in numbers(getattr(divided, way)).items():
            listed = ContactFilter.from_params({"status": "active", name: value}, inside).queryset()
            assert listed.count() == number, (way, value)


def test_q17_without_a_package_nothing_costs(inside, seated):
    divided = seats.divide(seats.count(), None)
    assert {part.cost for part in (*divided.grades, *divided.sources, divided.empty)} == {None}


def test_q17_the_price_is_shared_out_to_the_cent(inside, seated):
    buy_package(inside, tier=5000, kind="purchase")
    package = running_package(NOON)
    divided = seats.divide(seats.count(), package)
    assert [(part.value, part.cost) for part in divided.grades] == [
        ("high", Decimal("0.10")), ("middle", Decimal("0.10")), ("low", Decimal("0.30"))
    ]  # fmt: skip
    assert (divided.empty.seats, divided.empty.cost) == (4995, Decimal("499.50"))
    for way in FILTERS:
        assert sum(part.cost for part in getattr(divided, way)) + divided.empty.cost == package.price


def test_q17_when_more_are_served_than_paid_for_the_price_falls_on_them(inside, seated):
    buy_package(inside, tier=5000, kind="purchase")
    package = running_package(NOON)
    package.tier = 3
    divided = seats.divide(seats.count(), package)
    assert sum(part.cost for part in divided.grades) == package.price
    assert (divided.empty.seats, divided.empty.cost) == (0, 0)


def test_q17_the_api_tells_seats_and_costs_to_those_who_see_all(api, enterprise, other_enterprise):
    with tenant(enterprise.pk), clock.at(NOON):
        admin = factories.super_admin(enterprise)
        buy_package(admin, tier=5000, kind="purchase")
        factories.contact(admin, source="link")
    with clock.at(NOON):
        found = api.get(URL).json()
        assert (found["served"], found["price"], found["tier"]) == (1, "500.00", 5000)
        assert found["by_source"] == [{"value": "link", "name": "link", "seats": 1, "cost": "0.10"}]
        assert found["empty"] == {"seats": 4999, "cost": "499.90"}
        with tenant(enterprise.pk):
            factories.contact(admin)
        assert api.get(URL).json()["served"] == 1, "kept for an hour"
        assert api.get(f"{URL}?again=true").json()["served"] == 2
        assert api.get(f"{URL}?again=maybe").status_code == 400
        assert factories.api_client(other_enterprise).get(URL).json()["served"] == 0
        with tenant(enterprise.pk):
            graded = factories.member(role=GRADED_ADMIN)
        refused = factories.api_client(enterprise, graded).get(URL)
    assert (refused.status_code, refused.json()["code"]) == (403, "whole_enterprise_only")
