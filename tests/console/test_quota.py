"""The pages of the scale: what they say, what they refuse, what they cost."""

from datetime import UTC, date, datetime

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from common.middleware import LANGUAGE_COOKIE
from common.tenancy import tenant
from contacts import seats
from contacts.models import Contact
from contacts.services.contacts import archive_contact
from contacts.services.relations import add_follow
from enterprises.models import Department, Member, Role
from quota import outlook, queries, services
from quota.models import Account, Forecast, Package
from quota.rules import PackageKind
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon():
    with clock.at(NOON):
        yield


@pytest.fixture
def admin(client, enterprise):
    """A browser of the super admin, in English."""
    with tenant(enterprise.pk):
        client.force_login(factories.super_admin(enterprise).member.user)
    client.cookies[LANGUAGE_COOKIE] = "en"
    return client


@pytest.fixture
def url(enterprise):
    return lambda page="": f"/e/{enterprise.code}/scale/{page}"


def serve(enterprise, number):
    with tenant(enterprise.pk):
        Account.objects.update(served=number)


def buy(enterprise, tier=5000, kind="purchase"):
    with tenant(enterprise.pk):
        return services.buy_package(factories.super_admin(enterprise), tier=tier, kind=kind)


def text(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


# --- Overview ----------------------------------------------------------------------------------------------


def test_q8_the_overview_says_what_is_stopped_and_what_would_help(admin, url, enterprise):
    page = text(admin.get(url()))
    assert "Nothing. 2,000 more contacts can be added." in page
    serve(enterprise, 2001)
    page = text(admin.get(url()))
    assert "2,001 contacts are served, more than the scale of 2,000; not possible until they fit." in page
    for action in ("Add contacts", "Invite contacts into groups", "Mass messages", "Resigned inheritance"):
        assert action in page
    assert "Archive 2 contacts." in page and "Archive 1 contacts." in page
    assert "Buy a package of 5,000 or more." in page and f'href="{url("packages/")}"' in page
    assert "Replies are possible within 48 hours" in page


def test_q7_the_overview_says_what_the_expiry_will_stop(admin, url, enterprise):
    buy(enterprise)
    serve(enterprise, 2500)
    page = text(admin.get(url()))
    assert "the scale falls to 2,000." in page and "With as many contacts as today this will stop:" in page
    assert 'datetime="2027-06-15T12:00:00+08:00"' in page  # in the enterprise's zone
    assert "The renewal window opens" in page and "The package of 5,000 ends; scale 2,000" in page


def test_q2_typing_in_wecoms_number(admin, url, enterprise):
    serve(enterprise, 30)
    answer = admin.post(url(), {"served": "42"})
    assert (answer.status_code, answer["Location"]) == (302, url())
    page = text(admin.get(url()))
    assert "<dt>According to WeCom</dt><dd>42</dd>" in page and "<dt>Difference</dt><dd>12</dd>" in page
    assert "Ensure this value is greater than or equal to 0." in text(admin.post(url(), {"served": "-1"}), 400)


def test_the_history_is_drawn_and_stands_as_a_table(admin, url, enterprise):
    with tenant(enterprise.pk):
        factories.contact(factories.super_admin(enterprise))
    for days, chosen in ((90, "?days=90"), (365, "?days=365"), (157, "?days=1095"), (90, "?days=7"), (90, "")):
        page = text(admin.get(url(chosen)))
        assert page.count("<td>2,000</td>") == days
        assert "<td>2026-06-15</td><td>1</td><td></td><td>2,000</td>" in page
        assert ("<td>2026-06-14</td><td>0</td><td></td><td>2,000</td>" in page) == (days != 157)


def test_q15_o5_the_forecasts_page_tells_figures_to_those_who_see_all(admin, client, url, enterprise):
    with tenant(enterprise.pk):
        facts = {"days": 90, "daily": 3.2, "daily_before": 3.1, "lost_daily": 0.1, "weekdays": [1.0] * 7, "tried": 0}
        ahead = [float(day) for day in range(1, 60)]
        Forecast.objects.create(
            as_of=NOON.date(),
            computed_at=NOON,
            gain=ahead,
            low=[one / 2 for one in ahead],
            high=[one * 2 for one in ahead],
            facts=facts,
        )
        factories.reset_policy({"free_verified": 100, "free_unverified": 50})
        services.refresh_account(enterprise)
        Account.objects.update(served=70)
        day = outlook.outlook(enterprise).fill.expected
    assert day == date(2026, 7, 14)
    page = text(admin.get(url("forecast/")))
    assert "What it rests on" in page and "the scale is full on <b>" in page
    assert f"full on {day}" in page and f"<td>{day}</td><td>100</td>" in page
    assert f"full on {day}" in text(admin.get(url())), "and on the overview"
    with tenant(enterprise.pk):
        client.force_login(factories.member().user)
    page = text(client.get(url("forecast/")))
    assert "What it rests on" not in page and "Served by team" not in page and "Past and forecast" in page


def test_staff_see_the_scale_without_counts_of_contacts(client, url, enterprise):
    with tenant(enterprise.pk):
        client.force_login(factories.member().user)
    client.cookies[LANGUAGE_COOKIE] = "en"
    page = text(client.get(url()))
    assert "This is for those who see the whole enterprise." in page
    assert "Note WeCom&#x27;s number" not in page and "Note WeCom's number" not in page
    assert client.get(url("seats/")).status_code == 403
    assert client.get(url("ledger/")).status_code == 403
    assert client.post(url(), {"served": "42"}).status_code == 403
    assert client.post(url("packages/"), {"tier": "5000", "kind": "purchase"}).status_code == 403
    with tenant(enterprise.pk):
        assert Account.objects.get().platform_served is None and not Package.objects.exists()


# --- Seats -------------------------------------------------------------------------------------------------


@pytest.fixture
def seated(enterprise):
    """Four contacts: two of the south's, one of nobody who is only in a group, one archived."""
    with tenant(enterprise.pk):
        south = Department.objects.create(name="华南")
        owner = factories.member(department=south)
        actor = factories.super_admin(enterprise)
        of_south = [factories.contact(actor, follower=owner) for _number in range(2)]
        Contact.objects.filter(pk=of_south[0].pk).update(grade="high")
        add_follow(actor, contact=of_south[0], member=factories.member())
        lonely = factories.contact(actor)
        lonely.follows.all().delete()
        Contact.objects.filter(pk=lonely.pk).update(owner=None)
        archive_contact(actor, contact=factories.contact(actor))
    return south


def test_q1_q17_seats_by_grade_department_and_kind(enterprise, seated):
    with tenant(enterprise.pk):
        assert seats.kept() is None
        found = seats.count()
        assert found.by_grade == {"high": 1, "low": 2}
        assert found.by_department == [(str(seated.pk), "华南", 2), (None, "", 1)]
        assert found.by_source == [("", 3)]
        assert (found.friends, found.group_only, found.archived, found.lost) == (2, 1, 1, 0)
        assert found.served == Account.objects.get().served == 3
        assert found.saved == 1  # one of them has two friends and takes one place (O9)
        assert (found.at, seats.kept()) == (NOON, found)


def test_x2_seats_are_kept_for_each_enterprise_apart(enterprise, other_enterprise, seated):
    with tenant(enterprise.pk):
        seats.count()
    with tenant(other_enterprise.pk):
        assert seats.kept() is None
        assert seats.count().served == 0


def test_the_overview_does_not_wait_for_the_count(admin, url, seated):
    page = text(admin.get(url()))
    assert f'hx-get="{url("seats/")}"' in page and "Friends of members" not in page
    fragment = text(admin.get(url("seats/"), headers={"HX-Request": "true"}))
    assert fragment.startswith("<div") and "华南" in fragment and "Counted at" in fragment
    assert "Friends of members" in text(admin.get(url()))
    assert "<html" in text(admin.get(url("seats/")))  # without JavaScript the counts are a page


def test_counting_again_forgets_what_was_kept(admin, url, enterprise, seated):
    admin.get(url("seats/"))
    with tenant(enterprise.pk):
        factories.contact(factories.super_admin(enterprise))
    assert "Low value</span><b>2</b>" in text(admin.get(url("seats/")))
    assert "Low value</span><b>3</b>" in text(admin.get(url("seats/?again=1")))
    assert "Low value</span><b>3</b>" in text(admin.get(url("seats/")))


# --- Packages ----------------------------------------------------------------------------------------------


def test_q4_buying_on_the_page(admin, url, enterprise):
    page = text(admin.get(url("packages/")))
    assert "No package was bought yet" in page and "The scale goes from 2,000 to 5,000 at once" in page
    assert "¥500.00" in page and "There is no package to renew." in page
    answer = admin.post(url("packages/"), {"tier": "5000", "kind": "purchase", "order_no": " A1 "})
    assert (answer.status_code, answer["Location"]) == (302, url("packages/"))
    with tenant(enterprise.pk):
        assert Package.objects.get().order_no == "A1"
    page = text(admin.get(url("packages/")))
    assert "The package of 5,000 is recorded." in page and "A1" in page
    assert "Upgrade: at once, until the present package ends" in page
    assert "The renewal window opens on" in page


def test_q5_the_open_window_offers_what_is_large_enough(admin, url, enterprise):
    buy(enterprise, 20000)
    serve(enterprise, 6000)
    with clock.at(datetime(2027, 6, 1, tzinfo=UTC)):
        page = text(admin.get(url("packages/")))
    assert "The renewal window is open until" in page
    assert "This tier is not larger than the 6,000 contacts served now." in page
    assert "From then on the scale is 10,000; 6,000 contacts are served today." in page


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"tier": "5000", "kind": "renewal"}, 409, "No package is valid now; buy one."),
        ({"tier": "7000", "kind": "purchase"}, 409, "This tier is not offered."),
        ({"tier": "much", "kind": "purchase"}, 409, "This tier is not larger"),
        ({"tier": "5000", "kind": "gift"}, 400, "Choose purchase, renewal or upgrade."),
    ],
)
def test_refused_purchases_say_why(admin, url, body, status, said):
    assert said in text(admin.post(url("packages/"), body), status)


# --- Ledger ------------------------------------------------------------------------------------------------


def test_q14_the_ledger_page_and_its_filters(admin, url, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        kept, gone = factories.contact(actor, name="留下"), factories.contact(actor, name="离开")
        archive_contact(actor, contact=gone)
    page = text(admin.get(url("ledger/")))
    assert page.index("Archived</td>") < page.index("Contact added</td>")
    assert "留下" in page and "−1" in page
    assert "留下" not in text(admin.get(url("ledger/?reason=archived")))
    only = text(admin.get(url(f"ledger/?contact={kept.pk}")))
    assert "留下" in only and "离开" not in only
    assert "Nothing matches these filters" in text(admin.get(url("ledger/?from=2026-06-16")))
    assert "留下" in text(admin.get(url("ledger/?from=2026-06-15&to=2026-06-15")))
    assert "Enter a valid date." in text(admin.get(url("ledger/?from=x")), 400)
    assert "Select a valid choice." in text(admin.get(url("ledger/?reason=x")), 400)


def test_o5_a_role_that_sees_a_part_cannot_read_the_ledger(client, url, enterprise):
    with tenant(enterprise.pk):
        role = Role.objects.create(
            name="区域", scope=Role.Scope.DEPARTMENTS, permissions=["quota.view", "quota.ledger"]
        )
        member: Member = factories.member(role=role)
        client.force_login(member.user)
    assert client.get(url("ledger/")).status_code == 403


def test_q5_the_smallest_tier_that_fits_the_forecast_is_marked(admin, url, enterprise):
    """Today nobody is served; some thousands are expected. Without a forecast, no mark."""
    assert "fits the forecast" not in text(admin.get(url("packages/")))
    with tenant(enterprise.pk):
        ahead = [100.0 * day for day in range(1, 61)]
        Forecast.objects.create(as_of=NOON.date(), computed_at=NOON, gain=ahead, low=ahead, high=ahead, facts={})
        view = queries.overview(enterprise)
        expected = outlook.outlook(enterprise).points[-1].served
    assert 5_000 < expected <= 6_000
    fits = min(tier for tier in view.prices if tier >= expected)
    page = text(admin.get(url("packages/")))
    mark = f"fits the forecast: {expected:,}"
    assert page.count(mark) == 1
    assert f'<div class="tier">{fits:,}' in page.split(mark)[1][:80]


def test_q5_the_smallest_tier_that_fits_is_marked(admin, url, enterprise):
    """Of all offers the smallest that holds what is served today, and no other."""
    page = admin.get(url("packages/")).content.decode()
    assert page.count("smallest that fits today") == 1
    with tenant(enterprise.pk):
        view = queries.overview(enterprise)
        found = queries.choices(view, PackageKind.PURCHASE, enterprise)
    tiers = sorted(view.prices)
    assert queries.smallest(found, 0) == tiers[0]
    assert queries.smallest(found, tiers[0]) == tiers[0]
    assert queries.smallest(found, tiers[0] + 1) == tiers[1]
    assert queries.smallest(found, tiers[-1] + 1) is None


# --- Cost --------------------------------------------------------------------------------------------------


def cost(admin, address) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert admin.get(address).status_code == 200
    # A test runs inside a transaction of its own, which costs three statements that a page does not.
    return len([one for one in captured if "SAVEPOINT" not in one["sql"] and not one["sql"].endswith("_id = ''")])


@pytest.mark.parametrize("page", ["", "packages/", "ledger/", "seats/", "forecast/"])
def test_pages_cost_the_same_with_more_rows(admin, url, enterprise, page):
    with tenant(enterprise.pk):
        factories.contact(factories.super_admin(enterprise))
    buy(enterprise)
    admin.get(url(page))  # sessions and messages of the first visit
    cache.clear()
    one = cost(admin, url(page))
    with tenant(enterprise.pk):
        for _number in range(3):
            factories.contact(factories.super_admin(enterprise))
    buy(enterprise, 10000, "upgrade")
    buy(enterprise, 20000, "upgrade")
    cache.clear()
    assert cost(admin, url(page)) == one <= 15
