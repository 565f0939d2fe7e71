"""U5: in the list of customers: who of them is in which space, as far as one may know of it."""

import pytest

from common.tenancy import tenant
from contacts.filters import ContactFilter
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import SpaceMember
from upstream.services import people

ROOT = "/api/v1/contacts"


@pytest.fixture
def linked(enterprise):
    """Three customers of Anna's, who is in the first space: in both spaces, in the second, in none."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        anna = factories.member("Anna")
        spaces = [make_space(admin, name) for name in ("甲", "乙")]
        contacts = [factories.contact(admin, name=name, follower=anna) for name in ("both", "second", "none")]
        first, second = (make_partner(admin, space) for space in spaces)
        seat = make_person(admin, first, "两边", phone="13800000001")
        make_person(admin, second, "两边", phone="13800000001")
        people.link_customer(admin, seat=seat, contact=contacts[0])
        people.link_customer(admin, seat=make_person(admin, second), contact=contacts[1])
        SpaceMember.objects.create(space=spaces[0], member=anna)
    return anna, spaces, contacts


def listed(client, query=""):
    answer = client.get(f"{ROOT}?ordering=name{query}")
    assert answer.status_code == 200
    return {row["name"]: [space["name"] for space in row["spaces"]] for row in answer.json()["results"]}


def test_u5_a_customer_names_the_spaces_they_are_in(enterprise, linked):
    _anna, spaces, contacts = linked
    admin = factories.api_client(enterprise)
    assert listed(admin) == {"both": ["乙", "甲"], "none": [], "second": ["乙"]}
    document = admin.get(f"{ROOT}/{contacts[0].pk}").json()
    assert document["spaces"] == [{"id": str(spaces[1].pk), "name": "乙"}, {"id": str(spaces[0].pk), "name": "甲"}]


def test_u5_the_list_is_filtered_by_space(enterprise, linked):
    _anna, spaces, _contacts = linked
    admin = factories.api_client(enterprise)
    assert set(listed(admin, f"&space={spaces[0].pk}")) == {"both"}
    assert set(listed(admin, f"&space={spaces[1].pk}")) == {"both", "second"}
    assert set(listed(admin, f"&space={spaces[0].pk},{spaces[1].pk}")) == {"both", "second"}
    assert admin.get(f"{ROOT}?space={spaces[0].pk}&count=1").json()["count"] == {"value": 1, "exact": True}
    assert admin.get(f"{ROOT}?space=乙").status_code == 400


def test_u6_a_space_that_one_is_not_in_is_as_one_that_does_not_exist(enterprise, linked):
    anna, spaces, contacts = linked
    client = factories.api_client(enterprise, anna)
    assert listed(client) == {"both": ["甲"], "none": [], "second": []}
    assert set(listed(client, f"&space={spaces[0].pk}")) == {"both"}
    assert listed(client, f"&space={spaces[1].pk}") == listed(client, f"&space={contacts[0].pk}") == {}
    with tenant(enterprise.pk):
        blind = factories.member("B", role=factories.role("contacts.view"))
    client = factories.api_client(enterprise, blind)
    assert listed(client) == {"both": [], "none": [], "second": []}
    assert listed(client, f"&space={spaces[0].pk}") == {}


@pytest.mark.parametrize("rows", [1, 3])
def test_spaces_cost_no_query(enterprise, rows, django_assert_num_queries):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        partner = make_partner(admin, make_space(admin))
        for _number in range(rows):
            people.link_customer(admin, seat=make_person(admin, partner), contact=factories.contact(admin))
    client = factories.api_client(enterprise)
    client.get(ROOT)
    with django_assert_num_queries(6):
        answer = client.get(ROOT)
    assert [len(row["spaces"]) for row in answer.json()["results"]] == [1] * rows


def test_o5_the_filter_is_kept_as_it_was_asked(enterprise, linked):
    _anna, spaces, _contacts = linked
    with tenant(enterprise.pk):
        asked = ContactFilter.from_params({"space": str(spaces[1].pk)}, factories.super_admin(enterprise))
        assert asked.params == {"space": [str(spaces[1].pk)]}
        assert asked.queryset().count() == asked.count().value == 2
