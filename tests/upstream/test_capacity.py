"""U1, U8: how full spaces, series and partners are, and when they will be at the rate of the last four weeks."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from enterprises.services import update_policy, zone
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import Partner, Space
from upstream.queries.capacity import capacity
from upstream.rules.filling import HORIZON, full_on
from upstream.services import members, partners, spaces

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("used", "limit", "joined", "days"),
    [
        (0, 10, 0, None),  # nobody comes
        (0, 10, 10, 28),
        (9, 10, 1, 28),
        (9, 10, 28, 1),
        (0, 10, 3, 94),  # 93.33 days: the last place is taken on the next one
        (10, 10, 0, 0),  # full is full
        (12, 10, 5, 0),  # a smaller limit takes nothing away
        (0, 1000, 1, None),  # 28 000 days are not in sight
    ],
)
def test_u1_when_it_is_full(used, limit, joined, days):
    expected = None if days is None else TODAY + timedelta(days=days)
    assert full_on(used=used, limit=limit, joined=joined, today=TODAY) == expected


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(0, 300))
def test_u1_the_day_is_the_first_on_which_the_rate_fills_it(used, limit, joined):
    day = full_on(used=used, limit=limit, joined=joined, today=TODAY)
    days = HORIZON + 1 if day is None else (day - TODAY).days
    assert day is None or used + joined * days / 28 >= limit
    assert days == 0 or used + joined * (days - 1) / 28 < limit


pytestmark = pytest.mark.django_db


@pytest.fixture
def world(enterprise, scope):
    """A space with 4 of 10 partners, 2 of them of these weeks; a series with one of its 10 places taken."""
    with scope():
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"spaces": 3, "space_partners": 10, "partner_people": 20})
        space = make_space(admin, "品牌")
        made = [make_partner(admin, space, f"伙伴{n}") for n in range(4)]
        for _ in range(3):
            make_person(admin, made[1])
        series = spaces.create_series(admin, name="媒体")
        partners.add_partner(admin, series=series, name="晨报")
        long_ago = clock.now() - timedelta(weeks=5)
        Partner.objects.filter(pk__in=[one.pk for one in made[:2]]).update(joined_at=long_ago)
        Space.objects.update(created_at=long_ago)
    return {"admin": admin, "space": space, "largest": made[1]}


def test_u1_u8_bars_of_spaces_series_and_the_largest_partner(enterprise, scope, world):
    with scope():
        found = capacity(world["admin"])
        today = clock.now().astimezone(zone(enterprise)).date()
        after = lambda days: today + timedelta(days=days)
        assert (found.spaces.used, found.spaces.limit, found.spaces.full_on) == (2, 3, None)
        bars = {one.space.name: one for one in found.by_space}
        brands = bars["品牌"]
        assert (brands.partners.used, brands.partners.limit, brands.partners.full_on) == (4, 10, after(84))
        assert (brands.largest, brands.people.used, brands.people.full_on) == (world["largest"], 3, after(159))
        [series] = found.by_series
        assert (series.spaces, series.partners.used, series.partners.limit) == (1, 1, 10)
        # One place more can be opened: 19 further partners until all is full, 8 until it opens.
        assert (series.partners.full_on, series.next_space_on) == (after(19 * 28), after(8 * 28))


def test_o5_who_does_not_see_the_largest_partner_does_not_learn_of_it(enterprise, scope, world):
    with scope():
        staff = factories.member(name="周敏", role=factories.role("spaces.view", scope="own"))
        members.add_members(world["admin"], space=world["space"], members=[staff])
        other = factories.member(name="吴桐")
        members.add_members(world["admin"], space=world["space"], members=[other])
        members.create_rule(
            world["admin"], space=world["space"], name="只对接吴桐", members=[other], partners=[world["largest"]]
        )
        found = capacity(factories.acting(enterprise, staff))
        assert [one.space for one in found.by_space] == [world["space"]]
        assert found.by_space[0].largest.contact_count == 0


def test_u1_u8_the_api_and_the_pages_tell_it(enterprise, scope, world):
    told = factories.api_client(enterprise).get("/api/v1/space-capacity").json()
    day = (timezone.now().astimezone(zone(enterprise)) + timedelta(days=84)).date().isoformat()
    brands = next(one for one in told["by_space"] if one["space"]["name"] == "品牌")
    assert brands["partners"] == {"used": 4, "limit": 10, "full_on": day}
    assert brands["largest"]["name"] == "伙伴1"
    assert told["by_series"][0]["series"]["name"] == "媒体"
    client = Client()
    client.force_login(world["admin"].member.user)
    for page in ("spaces/", f"spaces/{world['space'].pk}/"):
        assert day in client.get(f"/e/{enterprise.code}/{page}").content.decode()


def test_the_bars_cost_as_many_queries_for_many_spaces(scope, world, django_assert_max_num_queries):
    with scope():
        with django_assert_max_num_queries(8) as few:
            capacity(world["admin"])
        partners.add_partner(world["admin"], space=make_space(world["admin"]), name="又一")
        with django_assert_max_num_queries(8) as many:
            capacity(world["admin"])
        assert len(few) == len(many)
