"""REST of the scale: what it tells, what it refuses, and what each answer costs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from common.tenancy import tenant
from contacts.services.contacts import archive_contact
from enterprises.models import AuditEntry, Enterprise, Role
from enterprises.services import set_verified
from quota import services
from quota.models import Account, LedgerEntry, Package
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

JSON = "application/json"
SECOND = timedelta(seconds=1)
PACKAGES = "/api/v1/quota/packages"
PLATFORM = "/api/v1/quota/platform"
LEDGER = "/api/v1/quota/ledger"


@pytest.fixture(autouse=True)
def _noon():
    with clock.at(NOON):
        yield


def buy(api, tier=5000, kind="purchase", **more):
    headers = more.pop("headers", {})
    return api.post(PACKAGES, {"tier": tier, "kind": kind, **more}, content_type=JSON, headers=headers)


def serve(enterprise: Enterprise, number: int) -> None:
    """Pretend that so many are served: for rules that look at nothing but the number."""
    with tenant(enterprise.pk):
        Account.objects.update(served=number)


def queries(api, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert api.get(url).status_code == 200
    return len(captured)


# --- GET quota ---------------------------------------------------------------------------------------------


def test_q1_q3_quota_of_a_fresh_verified_enterprise(api):
    answer = api.get("/api/v1/quota").json()
    actions = answer.pop("actions")
    tiers = [5000, 10000, 20000, 50000, 100000, 200000]
    assert answer == {
        "verified": True,
        "served": 0,
        "capacity": 2000,
        "state": "below",
        "platform": None,
        "packages": [],
        "valid_until": None,
        "renewal": {"open": False, "opens_at": None, "closes_at": None, "min_tier": 5000, "tiers": tiers},
        "expiry": None,
    }
    assert list(actions) == [
        "add_contact",
        "restore_contact",
        "invite_to_group",
        "mass_send",
        "moment",
        "group_announcement",
        "manage_groups",
        "inherit_resigned",
    ]
    assert all(a == {"allowed": True, "code": None, "detail": None, "remedies": []} for a in actions.values())


def test_q8_quota_says_what_is_stopped_and_what_would_help(api, enterprise):
    serve(enterprise, 2000)
    answer = api.get("/api/v1/quota").json()
    assert answer["state"] == "at_capacity"
    assert {name for name, action in answer["actions"].items() if not action["allowed"]} == {
        "add_contact",
        "restore_contact",
        "invite_to_group",
    }
    add = answer["actions"]["add_contact"]
    assert (add["code"], add["detail"]) == ("quota_exceeded", "Places needed: 1; taken: 2,000 of 2,000.")
    assert [remedy["kind"] for remedy in add["remedies"]] == ["archive", "buy"]
    assert add["remedies"][0]["count"] == 1 and add["remedies"][1]["tiers"][0] == 5000
    serve(enterprise, 2001)
    answer = api.get("/api/v1/quota").json()
    assert answer["state"] == "over"
    assert not any(action["allowed"] for action in answer["actions"].values())
    assert answer["actions"]["moment"]["code"] == "restricted"


def test_q7_quota_says_what_the_expiry_will_stop(api, enterprise):
    assert buy(api).status_code == 201
    serve(enterprise, 2500)
    answer = api.get("/api/v1/quota").json()
    assert (answer["capacity"], answer["state"]) == (5000, "below")
    assert answer["valid_until"] == "2027-06-15T04:00:00Z"
    expiry = answer["expiry"]
    assert (expiry["at"], expiry["capacity"], expiry["state"]) == ("2027-06-15T04:00:00Z", 2000, "over")
    assert len(expiry["stops"]) == 8
    assert [remedy["kind"] for remedy in expiry["remedies"]] == ["renew", "archive"]
    assert expiry["remedies"][1]["count"] == 500
    serve(enterprise, 2000)
    assert api.get("/api/v1/quota").json()["expiry"]["stops"] == ["add_contact", "restore_contact", "invite_to_group"]


def test_q3_verification_and_its_loss_are_effective_at_once(api, enterprise):
    buy(api)
    assert api.get("/api/v1/quota").json()["capacity"] == 5000
    for verified, capacity in ((False, 100), (True, 5000)):
        with tenant(enterprise.pk):
            enterprise.refresh_from_db()
            set_verified(factories.super_admin(enterprise), enterprise=enterprise, verified=verified)
        answer = api.get("/api/v1/quota").json()
        assert (answer["verified"], answer["capacity"]) == (verified, capacity)
        assert [package["tier"] for package in answer["packages"]] == [5000]


# --- Packages ----------------------------------------------------------------------------------------------


def test_q4_purchase(api, enterprise):
    answer = buy(api, order_no="MALL-1")
    assert answer.status_code == 201
    package = answer.json()
    assert package.pop("id")
    assert package == {
        "tier": 5000,
        "kind": "purchase",
        "price": "500.00",
        "starts_at": "2026-06-15T04:00:00Z",
        "ends_at": "2027-06-15T04:00:00Z",
        "order_no": "MALL-1",
    }
    with tenant(enterprise.pk):
        assert Account.objects.get().capacity == 5000
        entry = AuditEntry.objects.get(action="package.recorded")
        assert (entry.via, entry.after["tier"], entry.after["price"]) == ("api", 5000, "500.00")


def test_q5_renewal_window_and_where_the_renewal_starts(api, enterprise):
    buy(api)
    opens = datetime(2027, 3, 17, 4, tzinfo=UTC)  # 90 days before 2027-06-15 12:00 in Shanghai
    with clock.at(opens - SECOND):
        api = factories.api_client(enterprise)  # tokens do not live that long
        answer = buy(api, kind="renewal")
        assert (answer.status_code, answer.json()["code"]) == (409, "renewal_window_closed")
        assert answer.json()["opens_at"] == "2027-03-17T04:00:00Z"
        assert api.get("/api/v1/quota").json()["renewal"]["open"] is False
    with clock.at(opens):
        assert api.get("/api/v1/quota").json()["renewal"]["open"] is True
        answer = buy(api, 20000, kind="renewal")
        assert (answer.status_code, answer.json()["starts_at"]) == (201, "2027-06-15T04:00:00Z")
        assert answer.json()["ends_at"] == "2028-06-15T04:00:00Z"
        assert api.get("/api/v1/quota").json()["capacity"] == 5000  # the renewal has not begun
        assert buy(api, kind="renewal").json()["code"] == "renewal_window_closed"  # renewed already
    with clock.at(datetime(2027, 6, 15, 4, tzinfo=UTC)):
        assert factories.api_client(enterprise).get("/api/v1/quota").json()["capacity"] == 20000


def test_q5_a_smaller_tier_is_fine_but_must_be_larger_than_what_is_served(api, enterprise):
    buy(api, 20000)
    serve(enterprise, 5000)
    with clock.at(datetime(2027, 6, 1, tzinfo=UTC)):
        api = factories.api_client(enterprise)
        refused = buy(api, 5000, kind="renewal")
        assert (refused.status_code, refused.json()["code"]) == (409, "tier_too_small")
        assert refused.json()["served"] == 5000 and refused.json()["tiers"][:2] == [10000, 20000]
        serve(enterprise, 36)
        assert buy(api, 5000, kind="renewal").status_code == 201


def test_q6_an_upgrade_takes_effect_at_once_and_keeps_the_end(api):
    buy(api)
    assert buy(api, 10000).json()["code"] == "package_running"
    with clock.at(datetime(2026, 9, 1, tzinfo=UTC)):
        assert buy(api, 5000, kind="upgrade").json()["code"] == "not_an_upgrade"
        answer = buy(api, 20000, kind="upgrade").json()
        assert (answer["starts_at"], answer["ends_at"]) == ("2026-09-01T00:00:00Z", "2027-06-15T04:00:00Z")
        assert api.get("/api/v1/quota").json()["capacity"] == 20000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "purchase"}, "tier"),
        ({"tier": 5000}, "kind"),
        ({"tier": 0, "kind": "purchase"}, "tier"),
        ({"tier": 10**30, "kind": "purchase"}, "tier"),
        ({"tier": 5000, "kind": "gift"}, "kind"),
        ({"tier": 5000, "kind": "purchase", "order_no": "x" * 65}, "order_no"),
    ],
)
def test_malformed_purchases_are_refused_by_field(api, body, field):
    answer = api.post(PACKAGES, body, content_type=JSON)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_tier_that_is_not_offered(api):
    answer = buy(api, 7000)
    assert (answer.status_code, answer.json()["code"]) == (409, "unknown_tier")
    assert answer.json()["tiers"][0] == 5000


def test_a_purchase_sent_twice_is_made_once(api, enterprise):
    one = buy(api, headers={"Idempotency-Key": "p1"})
    two = buy(api, headers={"Idempotency-Key": "p1"})
    assert (one.status_code, two.status_code, one.content) == (201, 201, two.content)
    with tenant(enterprise.pk):
        assert Package.objects.count() == 1


def test_an_order_number_is_recorded_once(api):
    assert buy(api, order_no="A1").status_code == 201
    answer = buy(api, 10000, kind="upgrade", order_no="A1")
    assert (answer.status_code, answer.json()["code"]) == (409, "order_recorded")
    assert buy(api, 10000, kind="upgrade", order_no="A2").status_code == 201


def test_packages_are_listed_newest_first_at_constant_cost(api):
    buy(api)
    one = queries(api, PACKAGES)
    overview = queries(api, "/api/v1/quota")
    buy(api, 10000, kind="upgrade")
    buy(api, 20000, kind="upgrade")
    with clock.at(NOON + SECOND):
        buy(api, 50000, kind="upgrade")
    listed = api.get(PACKAGES).json()["results"]
    assert len(listed) == 4 and listed[0]["tier"] == 50000
    assert queries(api, PACKAGES) == one <= 8
    assert queries(api, "/api/v1/quota") == overview <= 12


def test_prices_are_those_of_the_day(api):
    from quota.models import TierPrice

    TierPrice.objects.create(tier=5000, price=650, effective_from=NOON.date())
    TierPrice.objects.create(tier=5000, price=999, effective_from=NOON.date() + timedelta(days=1))
    assert api.get("/api/v1/quota/prices").json()["results"][0] == {
        "tier": 5000,
        "price": "650.00",
        "effective_from": "2026-06-15",
    }
    assert buy(api).json()["price"] == "650.00"


# --- WeCom's number (Q2) -----------------------------------------------------------------------------------


def report(api, served, **more):
    return api.put(PLATFORM, {"served": served, **more}, content_type=JSON)


def test_q2_both_numbers_and_their_difference(api, enterprise):
    serve(enterprise, 30)
    assert report(api, 42).json() == {"served": 42, "at": "2026-06-15T04:00:00Z", "difference": 12}
    serve(enterprise, 50)
    answer = api.get("/api/v1/quota").json()
    assert answer["platform"] == {"served": 42, "at": "2026-06-15T04:00:00Z", "difference": -8}
    assert (answer["served"], answer["state"]) == (50, "below")
    with tenant(enterprise.pk):
        assert AuditEntry.objects.get(action="platform.recorded").after["platform_served"] == 42


def test_q2_an_older_or_future_report_is_refused(api):
    assert report(api, 42).status_code == 200
    assert report(api, 41, at="2026-06-15T03:59:59Z").json()["code"] == "newer_known"
    assert list(report(api, 41, at="2026-06-15T04:00:01Z").json()["errors"]) == ["at"]
    assert list(report(api, -1).json()["errors"]) == ["served"]
    assert api.get("/api/v1/quota").json()["platform"]["served"] == 42


# --- Ledger ------------------------------------------------------------------------------------------------


@pytest.fixture
def history(enterprise):
    """Three added, the first archived, over two days."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        made = [factories.contact(actor, name=f"n{number}") for number in range(3)]
        with clock.at(NOON + timedelta(days=1)):
            archive_contact(actor, contact=made[0])
    return made


def test_q14_the_ledger_tells_who_when_why_and_which(api, history):
    listed = api.get(LEDGER).json()["results"]
    assert [(row["number"], row["delta"], row["served_after"], row["reason"]) for row in listed] == [
        (4, -1, 2, "archived"),
        (3, 1, 3, "added"),
        (2, 1, 2, "added"),
        (1, 1, 1, "added"),
    ]
    assert listed[0]["at"] == "2026-06-16T04:00:00Z"
    assert listed[0]["contact"] == {"id": str(history[0].pk), "name": "n0"}
    assert listed[0]["actor"]["id"] and listed[0]["actor"]["name"] and listed[0]["job"] is None


def test_the_ledger_is_filtered(api, history):
    def numbers(query):
        return [row["number"] for row in api.get(f"{LEDGER}?{query}").json()["results"]]

    assert numbers("reason=archived") == [4]
    assert numbers(f"contact={history[0].pk}") == [4, 1]
    assert numbers("from=2026-06-16") == [4]
    assert numbers("to=2026-06-15") == [3, 2, 1]
    assert numbers("from=2026-06-16T04:00:00Z") == [4]
    assert numbers("to=2026-06-16T04:00:00Z") == [3, 2, 1]
    assert numbers("reason=added&to=2026-06-14") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("reason=x", "reason"),
        ("contact=1", "contact"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("to=9999-12-31", "to"),
        ("colour=red", "colour"),
        ("ordering=at", "ordering"),
    ],
)
def test_unknown_filters_are_refused(api, query, field):
    answer = api.get(f"{LEDGER}?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_the_ledger_pages_at_constant_cost(api, enterprise, history):
    first = api.get(f"{LEDGER}?page_size=3").json()
    second = api.get(first["next"]).json()
    assert [row["number"] for row in first["results"] + second["results"]] == [4, 3, 2, 1]
    assert api.get(second["previous"]).json()["results"] == first["results"]
    assert queries(api, f"{LEDGER}?page_size=1") == queries(api, f"{LEDGER}?page_size=3") <= 8


# --- Who may ----------------------------------------------------------------------------------------------


def test_staff_see_the_scale_but_neither_buy_nor_read_the_ledger(enterprise):
    with tenant(enterprise.pk):
        staff = factories.member()
    api = factories.api_client(enterprise, staff)
    assert api.get("/api/v1/quota").status_code == 200
    assert api.get(PACKAGES).status_code == 200
    assert buy(api).status_code == 403
    assert report(api, 1).status_code == 403
    assert api.get(LEDGER).status_code == 403


def test_o5_the_ledger_names_every_contact_so_a_role_of_a_part_cannot_read_it(enterprise, history):
    with tenant(enterprise.pk):
        role = Role.objects.create(
            name="区域", scope=Role.Scope.DEPARTMENTS, permissions=["quota.view", "quota.ledger"]
        )
        member = factories.member(role=role)
    answer = factories.api_client(enterprise, member).get(LEDGER)
    assert (answer.status_code, answer.json()["code"]) == (403, "whole_enterprise_only")


def test_x2_another_enterprise_has_its_own_scale(api, other_enterprise, history):
    buy(api)
    other = factories.api_client(other_enterprise)
    assert other.get("/api/v1/quota").json()["served"] == 0
    assert other.get(PACKAGES).json()["results"] == other.get(LEDGER).json()["results"] == []
    assert other.get(f"{LEDGER}?contact={history[0].pk}").json()["results"] == []


def test_answers_have_the_shapes_that_the_schema_promises(api, history, enterprise):
    from quota.api import LedgerShape, QuotaShape

    buy(api)
    report(api, 1)
    answer = api.get("/api/v1/quota").json()
    for shape, value in ((QuotaShape, answer), (LedgerShape, api.get(LEDGER).json()["results"][0])):
        assert_shape(shape(), value)
    with tenant(enterprise.pk):
        assert services.verify_counts()["ok"] and LedgerEntry.objects.count() == 4


def assert_shape(shape, value) -> None:
    """Exactly the promised fields, at every level."""
    required = {name for name, field in shape.fields.items() if field.required}
    assert required <= set(value) <= set(shape.fields)
    for name, field in shape.fields.items():
        child = getattr(field, "child", None)
        if value.get(name) is not None and hasattr(child, "fields"):
            for item in value[name]:
                assert_shape(child, item)
        elif value.get(name) is not None and hasattr(field, "fields"):
            assert_shape(field, value[name])
