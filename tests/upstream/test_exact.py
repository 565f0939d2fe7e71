"""U1, U2: limits and names under real parallel transactions, and the guards removed."""

from collections import Counter
from functools import partial

import pytest
from django.db.models import F

from common.tenancy import tenant
from enterprises.services import update_policy
from tests import factories
from tests.parallel import in_parallel, meet
from tests.upstream.conftest import make_partner, make_space
from upstream.models import Partner, PartnerContact, Person, Series, Space, SpaceAccount, SpaceName
from upstream.services import limits, spaces

CLIENTS, LEFT = 64, 10


@pytest.fixture
def firm(committed_db):
    """An enterprise with one space, one partner in it, and 10 places for everything."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"spaces": LEFT, "space_partners": LEFT, "partner_people": LEFT})
        make_partner(admin, make_space(admin, "空间零"), "伙伴零")
    return enterprise


def post(client, path, body, number):
    return client.post(
        f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": f"{path}-{number}"}
    )


def test_u1_64_partners_join_a_space_with_9_places(firm):
    client = factories.api_client(firm)
    with tenant(firm.pk):
        space = Space.objects.get()
    path = f"spaces/{space.pk}/partners"
    answers = in_parallel([partial(post, client, path, {"name": f"新伙伴{n}"}, n) for n in range(CLIENTS)])
    assert Counter(answer.status_code for answer in answers) == {201: LEFT - 1, 409: CLIENTS - LEFT + 1}
    for refused in (answer.json() for answer in answers if answer.status_code == 409):
        assert (refused["code"], refused["used"], refused["limit"]) == ("limit_reached", LEFT, LEFT)
    with tenant(firm.pk):
        assert Partner.objects.count() == Space.objects.get().partner_count == LEFT


def test_u1_64_people_join_a_partner_with_10_places(firm):
    client = factories.api_client(firm)
    with tenant(firm.pk):
        partner = Partner.objects.get()
    path = f"spaces/{partner.space_id}/contacts"
    bodies = [{"partner": str(partner.pk), "name": f"联系人{n}", "phone": f"138{n:08}"} for n in range(CLIENTS)]
    answers = in_parallel([partial(post, client, path, body, n) for n, body in enumerate(bodies)])
    assert Counter(answer.status_code for answer in answers) == {201: LEFT, 409: CLIENTS - LEFT}
    with tenant(firm.pk):
        assert PartnerContact.objects.count() == Partner.objects.get().contact_count == Person.objects.count() == LEFT


def test_u1_64_spaces_at_once_and_9_may_be_made(firm):
    client = factories.api_client(firm)
    answers = in_parallel([partial(post, client, "spaces", {"name": f"空间甲{n}"}, n) for n in range(CLIENTS)])
    assert Counter(answer.status_code for answer in answers) == {201: LEFT - 1, 409: CLIENTS - LEFT + 1}
    with tenant(firm.pk):
        assert Space.objects.count() == SpaceAccount.objects.get().spaces == SpaceName.objects.count() == LEFT


def test_u2_64_creates_of_one_name_over_two_enterprises(firm):
    """One gets it, everybody else is told free names; nothing is left of the others."""
    other = factories.enterprise("另一家企业")
    clients = [factories.api_client(firm), factories.api_client(other)]
    spellings = ["品牌 空间", "品牌空间", "品牌　空间", "品牌\u200b空间"]
    works = [partial(post, clients[n % 2], "spaces", {"name": spellings[n % 4]}, n) for n in range(CLIENTS)]
    answers = in_parallel(works)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in refused} == {"name_taken"}
    assert all(len(problem["proposals"]) == 3 for problem in refused)
    made = 0
    for enterprise in (firm, other):
        with tenant(enterprise.pk):
            made += Space.objects.exclude(name="空间零").count()
    assert made == 1 and SpaceName.objects.count() == 2


def test_u8_64_partners_join_a_series(firm):
    """Two further spaces of ten hold 20; each space is full exactly, none is opened twice."""
    with tenant(firm.pk):
        admin = factories.super_admin(firm)
        update_policy(admin, values={"spaces": 3})
        series = spaces.create_series(admin, name="媒体")
    client = factories.api_client(firm)
    bodies = [{"series": str(series.pk), "name": f"媒体号{n}"} for n in range(CLIENTS)]
    answers = in_parallel([partial(post, client, "partners", body, n) for n, body in enumerate(bodies)])
    assert Counter(answer.status_code for answer in answers) == {201: 2 * LEFT, 409: CLIENTS - 2 * LEFT}
    with tenant(firm.pk):
        inside = Space.objects.filter(series=Series.objects.get()).order_by("number")
        assert [(one.name, one.partner_count, one.partners.count()) for one in inside] == [
            ("媒体 1", LEFT, LEFT),
            ("媒体 2", LEFT, LEFT),
        ]


def test_u1_without_the_guard_everybody_gets_in(firm, monkeypatch):
    """The negative control: decide on a number read before, and the limit does not hold."""

    def unguarded(model, pk, column, number, limit):
        used = model.objects.values_list(column, flat=True).get(pk=pk)
        meet()  # all have read before any writes
        if used + number > limit:
            return False
        return bool(model.objects.filter(pk=pk).update(**{column: F(column) + number}))

    monkeypatch.setattr(limits, "_raise", unguarded)
    client = factories.api_client(firm)
    with tenant(firm.pk):
        path = f"spaces/{Space.objects.get().pk}/partners"
    answers = in_parallel([partial(post, client, path, {"name": f"新伙伴{n}"}, n) for n in range(CLIENTS)])
    assert {answer.status_code for answer in answers} == {201}
    with tenant(firm.pk):
        assert Partner.objects.count() == CLIENTS + 1 > LEFT


def test_u2_without_the_unique_claim_a_name_is_given_twice(firm, monkeypatch):
    """The negative control: look whether the name is free, then take it."""

    def unguarded(actor, space):
        assert not SpaceName.objects.filter(digest=spaces.names.digest(space.name)).exists()
        meet()

    monkeypatch.setattr(spaces, "_claim", unguarded)
    other = factories.enterprise("另一家企业")

    def create(enterprise):
        with tenant(enterprise.pk):
            spaces.create_space(factories.super_admin(enterprise), name="品牌")

    in_parallel([partial(create, enterprise) for enterprise in (firm, other)])
    for enterprise in (firm, other):
        with tenant(enterprise.pk):
            assert Space.objects.filter(name="品牌").count() == 1
