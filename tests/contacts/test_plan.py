"""The plan (Q16): its rules, its list against brute force, the retailer's case, the API, and carrying it out."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from common.tenancy import tenant
from contacts.models import Contact
from contacts.plan import candidates, reading, rules
from contacts.plan.candidates import Terms
from contacts.plan.rules import Kind, Loss, Option, Target
from contacts.services.follow_ups import write as write_follow_up
from contacts.services.plan import carry_out
from enterprises.models import AuditEntry
from enterprises.services import GRADED_ADMIN
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.models import Forecast
from quota.services import buy_package, refresh_account
from tests import crowd, factories
from tests.contacts.bulk import consistent, finish, undo
from tests.factories import NOON
from tests.parallel import in_parallel

DAY = timedelta(days=1)
PLAN = "/api/v1/quota/plan"
CARRY_OUT = "/api/v1/quota/plan/carry-out"
JSON = "application/json"
PRICES = {5000: Decimal(500), 10000: Decimal(1000), 20000: Decimal(2000)}
YEAR = 365


def money(text):
    return Decimal(text)


# --- Rules ---------------------------------------------------------------------------------------------------


def test_q16_what_somebody_is_expected_to_spend_falls_with_silence():
    assert rules.expected_spend(money(730), 0, YEAR) == money("730.00")
    assert rules.expected_spend(money(730), 182, YEAR) == money("366.00")
    assert rules.expected_spend(money(730), 364, YEAR) == money("2.00")
    assert rules.expected_spend(money(730), 365, YEAR) == rules.expected_spend(money(730), 9999, YEAR) == 0
    assert rules.expected_spend(money(-50), 0, YEAR) == 0, "who returned more than they bought is no gain when gone"
    assert rules.expected_spend(money("0.02"), 180, YEAR) == money("0.01"), "half a cent goes up"


def test_q3_q5_the_scales_that_can_be_had():
    free, *tiers = rules.targets(2000, PRICES, verified=True)
    assert (free.capacity, free.places, free.price) == (2000, 2000, 0)
    assert [(one.capacity, one.places) for one in tiers] == [(5000, 4999), (10000, 9999), (20000, 19999)]
    assert rules.targets(100, PRICES, verified=False) == [Target(100, rules.NOTHING, free=True)]
    assert [one.capacity for one in rules.targets(9000, PRICES, verified=True)] == [9000, 10000, 20000]


def test_q16_three_ways_with_what_each_costs_and_saves():
    having = rules.targets(2000, PRICES, verified=True)
    losses = {3001: Loss(money(70), money(30)), 6000: Loss(money(900), money(450))}
    found = rules.options(8000, having, 7000, losses)
    assert found == [
        Option(Kind.ARCHIVE, 2000, money(0), 6000, money(900), money(450), money(1000)),
        Option(Kind.MIX, 5000, money(500), 3001, money(70), money(30), money(500)),
        Option(Kind.BUY, 10000, money(1000), 0, money(0), money(0), money(0)),
        Option(Kind.BUY, 20000, money(2000), 0, money(0), money(0), money(0)),
    ]
    assert rules.best(found) == found[0]
    assert [option.kind for option in rules.options(8000, having, 3001, losses)] == ["mix", "buy", "buy"], (
        "what takes more than can be archived is no option"
    )


def test_q16_nothing_to_do_is_an_option_and_too_many_for_every_tier_save_nothing():
    having = rules.targets(2000, PRICES, verified=True)
    free = rules.options(2000, having, 0, {})[0]
    assert free == Option(Kind.ARCHIVE, 2000, money(0), 0, money(0), money(0), money(0))
    found = rules.options(20000, having, 1, {1: Loss(money(0), money(0))})
    assert found == [Option(Kind.MIX, 20000, money(2000), 1, money(0), money(0), None)]
    assert rules.best([]) is None


@given(
    st.integers(0, 400),
    st.dictionaries(st.integers(1, 300), st.integers(0, 500).map(Decimal), max_size=4),
    st.lists(st.decimals(0, 90, places=2), max_size=40),
    st.booleans(),
)
def test_q16_every_option_is_enough_and_none_is_missing(need, prices, values, verified):
    """Against the definition, told again in other words."""
    values = sorted(values)
    having = rules.targets(50, prices, verified=verified)
    losses = {count: Loss(sum(values[:count], Decimal(0)), sum(values[:count], Decimal(0))) for count in range(41)}
    found = rules.options(need, having, len(values), losses)
    scales = {50: Decimal(0), **({tier: price for tier, price in prices.items() if tier > 50} if verified else {})}
    for scale, price in scales.items():
        fitting = [n for n in range(len(values) + 1) if (need - n <= scale if scale == 50 else need - n < scale)]
        option = next((one for one in found if one.tier == scale), None)
        assert (option is None) == (not fitting)
        if option:
            assert (option.archive_count, option.cost) == (fitting[0], price)
            assert option.value_at_risk == sum(values[: fitting[0]], Decimal(0))
    if found:
        assert rules.best(found).total == min(one.total for one in found)


@given(st.decimals(0, 99999, places=2), st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(0, 9000))
def test_q17_the_parts_of_a_price_add_up_to_the_cent(total, counts, empty):
    places = sum(counts) + empty
    parts = rules.share_out(total, dict(enumerate(counts)), places)
    whole = total * sum(counts) / places if places else Decimal(0)
    assert abs(sum(parts.values()) - whole) <= Decimal("0.005")
    assert all(
        abs(parts[key] - (total * count / places if places else 0)) < Decimal("0.01")
        for key, count in enumerate(counts)
    )
    if empty == 0 and places:
        assert sum(parts.values()) == total


# --- The list against brute force ------------------------------------------------------------------------------


def world(actor, random, size):
    """A few contacts of every grade, with small amounts, so that many are alike."""
    ids = crowd.contacts(actor, size, prefix=f"w{random.random()}", added_at=NOON - 500 * DAY)
    for pk in ids:
        days = random.choice((0, 3, 100, 200, 364, 365, 400))
        Contact.objects.filter(pk=pk).update(
            spend_365d=Decimal(random.choice((-20, 0, 0, 0, 10, 10, 33, 500, 6000))),
            grade=random.choice(("low", "low", "low", "middle", "high")),
            last_customer_at=random.choice((None, NOON - timedelta(days=days, hours=random.randrange(20)))),
            status=random.choice(("active", "active", "active", "archived")),
        )
        if random.random() < 0.2:
            contact = Contact.objects.get(pk=pk)
            write_follow_up(actor, contact=contact, kind="note", text="回访", next_at=NOON + DAY)


def worth(contact):
    heard = contact.last_customer_at or contact.added_at
    return rules.expected_spend(contact.spend_365d, (NOON - heard).days, YEAR)


@pytest.mark.parametrize("seed", range(8))
def test_q16_no_other_choice_of_as_many_loses_less(inside, seed):
    random = Random(seed)
    world(inside, random, 10)
    terms = Terms(NOON, YEAR)
    allowed = [
        contact
        for contact in Contact.objects.filter(status="active").exclude(grade="high")
        if not contact.follow_ups.exists()
    ]
    listed = candidates.listed(terms, start=0, stop=100)
    assert {one.id for one in listed} == {contact.pk for contact in allowed}
    by_id = {contact.pk: contact for contact in allowed}
    assert all(one.expected == worth(by_id[one.id]) for one in listed), "SQL reckons as the rule does"
    most, losses = candidates.losses(terms, range(1, 11))
    assert most == len(allowed)
    for count in range(1, most + 1):
        chosen = listed[:count]
        least = min(sum(worth(one) for one in some) for some in combinations(allowed, count))
        assert losses[count].expected == sum(one.expected for one in chosen) == least
        assert losses[count].spend == sum(one.spend for one in chosen)


def test_q16_the_order_is_total_and_pages_are_parts_of_it(inside):
    crowd.contacts(inside, 30, added_at=NOON - 500 * DAY)  # all alike: ids decide
    terms = Terms(NOON, YEAR)
    whole = [one.id for one in candidates.listed(terms, start=0, stop=30)]
    assert whole == sorted(whole)
    parts = [one.id for start in range(0, 30, 7) for one in candidates.listed(terms, start=start, stop=start + 7)]
    assert parts == whole


def test_q16_planned_follow_ups_and_high_value_are_left_out(inside):
    made = [factories.contact(inside) for _number in range(4)]
    Contact.objects.filter(pk=made[0].pk).update(grade="high")
    write_follow_up(inside, contact=made[1], kind="note", text="x", next_at=NOON + DAY)
    write_follow_up(inside, contact=made[2], kind="note", text="done and nothing planned")
    terms, asked = Terms(NOON, YEAR), Terms(NOON, YEAR, with_follow_ups=True)
    assert {one.id for one in candidates.listed(terms, start=0, stop=9)} == {made[2].pk, made[3].pk}
    assert candidates.left_out(terms) == {"high": 1, "follow_ups": 1}
    assert {one.id for one in candidates.listed(asked, start=0, stop=9)} == {one.pk for one in made[1:]}
    assert candidates.left_out(asked) == {"high": 1, "follow_ups": 0}


@pytest.mark.parametrize(
    ("spend", "silent", "expected", "text"),
    [
        (0, 400, 0, "Nothing spent and nothing heard in 365 days."),
        (-5, 30, 0, "Nothing spent in 365 days; last heard of 30 days ago."),
        (50, 380, 0, "Silent for 380 days: hardly a customer any more."),
        (1200, 73, 960, "Spent ¥1,200.00 in 365 days, last heard of 73 days ago: ¥960.00 expected in a year."),
    ],
)
def test_q16_each_contact_has_its_reason(spend, silent, expected, text):
    with translation.override("en"):
        assert str(rules.reason(Decimal(spend), silent, YEAR, Decimal(expected))) == text


# --- The retailer ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_q16_the_retailers_plan(enterprise):
    """4 372 customers: ¥500 a year, or 2 372 archived for nothing; value at risk reckoned again by hand."""
    december = datetime(2011, 12, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    with clock.at(december):
        with tenant(enterprise.pk):
            admin = factories.super_admin(enterprise)
            buy_package(admin, tier=5000, kind="purchase")
            crowd.retailer(admin)
            run = JobRun.objects.create(name="contacts.grade")
        execute_run(enterprise.pk, run.pk)
        with tenant(enterprise.pk):
            plan = reading.plan(admin)
            assert (plan.served, plan.capacity, plan.need) == (4372, 5000, 4372)
            assert plan.left_out == {"high": 253, "follow_ups": 0} and plan.most == 4372 - 253
            values = sorted(
                (
                    rules.expected_spend(one.spend_365d, (december - one.last_customer_at).days, YEAR),
                    one.spend_365d,
                    one.last_customer_at,
                    one.pk,
                )
                for one in Contact.objects.exclude(grade="high")
            )[:2372]
            free, buy, *larger = plan.options
            assert free == Option(
                Kind.ARCHIVE,
                2000,
                money(0),
                2372,
                sum(one[1] for one in values),
                sum(one[0] for one in values),
                money(500),
            )
            assert (free.value_at_risk, free.expected_loss) == (money("773123.72"), money("498956.24"))
            assert plan.best is buy, "¥500 are less than what the archived are expected to spend"
            assert buy == Option(Kind.BUY, 5000, money(500), 0, money(0), money(0), money(0))
            assert [(one.tier, one.cost, one.archive_count) for one in larger] == [
                (10000, 1000, 0), (20000, 2000, 0), (50000, 5000, 0), (100000, 10000, 0), (200000, 20000, 0)
            ]  # fmt: skip
            run = carry_out(admin, count=2372)
        assert finish(enterprise, run).result["freed"] == 2372
        assert consistent(enterprise) == 2000
        with tenant(enterprise.pk):
            archived = set(Contact.objects.filter(status="archived").values_list("pk", flat=True))
            assert archived == {one[3] for one in values}
            assert reading.plan(admin).options[0].archive_count == 0
    with clock.at(december + DAY):
        assert undo(enterprise, run).result["taken"] == 2372
        assert consistent(enterprise) == 4372


# --- API and carrying out ------------------------------------------------------------------------------------------


@pytest.fixture
def five(enterprise):
    """Room for three, and five contacts with worths 0, 0, 10, 20 and high."""
    with tenant(enterprise.pk), clock.at(NOON):
        admin = factories.super_admin(enterprise)
        made = [factories.contact(admin, external_userid=f"wm-{number}") for number in range(5)]
        for contact, spend in zip(made, (0, 0, 10, 20, 9000), strict=True):
            Contact.objects.filter(pk=contact.pk).update(
                spend_365d=spend, grade="high" if spend == 9000 else "low", last_customer_at=NOON
            )
        factories.reset_policy({"free_unverified": 3, "free_verified": 3})
        refresh_account(enterprise)
    return made


@pytest.mark.django_db
def test_q16_the_api_tells_the_options(api, five):
    with clock.at(NOON):
        answer = api.get(PLAN).json()
    options = answer.pop("options")
    assert answer == {
        "at": answer["at"],
        "basis": "today",
        "served": 5,
        "capacity": 3,
        "need": 5,
        "most_to_archive": 4,
        "left_out": {"high": 1, "follow_ups": 0},
    }
    assert options[:2] == [
        {
            "kind": "archive",
            "tier": 3,
            "cost": "0.00",
            "archive_count": 2,
            "value_at_risk": "0.00",
            "expected_loss": "0.00",
            "saves": "500.00",
            "best": True,
        },
        {
            "kind": "buy",
            "tier": 5000,
            "cost": "500.00",
            "archive_count": 0,
            "value_at_risk": "0.00",
            "expected_loss": "0.00",
            "saves": "0.00",
            "best": False,
        },
    ]


@pytest.mark.django_db
def test_q16_the_api_lists_who_and_why_in_pages(api, five):
    with clock.at(NOON):
        first = api.get(f"{PLAN}/contacts?page_size=3", headers={"Accept-Language": "en"}).json()
        second = api.get(first["next"]).json()
    assert [(one["rank"], one["id"], one["expected"]) for one in first["results"] + second["results"]] == [
        (number + 1, str(five[number].pk), f"{worth}.00") for number, worth in enumerate((0, 0, 10, 20))
    ]
    assert (first["previous"], second["next"]) == (None, None)
    assert first["results"][0]["reason"] == "Nothing spent in 365 days; last heard of 0 days ago."
    for cursor in ("x", "MjAyNi0wMS0wMSAx", "%00", "9" * 300):
        assert api.get(f"{PLAN}/contacts", {"cursor": cursor}).status_code == 400


@pytest.mark.django_db
def test_q16_one_call_archives_the_list_and_undo_brings_it_back(api, enterprise, five):
    with clock.at(NOON):
        answer = api.post(CARRY_OUT, {"archive_count": 2}, content_type=JSON)
        assert answer.status_code == 202
        with tenant(enterprise.pk):
            run = JobRun.objects.get(pk=answer.json()["job"])
        assert finish(enterprise, run).result["freed"] == 2
        with tenant(enterprise.pk):
            archived = Contact.objects.filter(status="archived")
            assert set(archived.values_list("pk", flat=True)) == {five[0].pk, five[1].pk}
            entry = AuditEntry.objects.get(action="plan.carried_out")
            assert entry.after["contacts"] == 2 and entry.subject_id == run.pk
            factories.reset_policy({})
            refresh_account(enterprise)
        undo(enterprise, run)
        assert consistent(enterprise) == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"archive_count": 0}, 400, "invalid"),
        ({"archive_count": -1}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"archive_count": 5}, 409, "too_few_candidates"),
        ({"archive_count": 2, "ids": []}, 400, "invalid"),
    ],
)
def test_q16_impossible_counts_are_refused_and_nothing_changes(api, enterprise, five, body, status, code):
    with clock.at(NOON):
        answer = api.post(CARRY_OUT, body, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists() and Contact.objects.filter(status="active").count() == 5


@pytest.mark.django_db
def test_o5_graded_admins_get_no_plan_of_the_whole_enterprise(enterprise, five):
    with tenant(enterprise.pk):
        graded = factories.member(role=GRADED_ADMIN)
        actor = factories.actor(enterprise, graded)
        with pytest.raises(Forbidden):
            carry_out(actor, count=1)
        with pytest.raises(Forbidden):
            reading.plan(actor)
    client = factories.api_client(enterprise, graded)
    for answer in (client.get(PLAN), client.get(f"{PLAN}/contacts"), client.post(CARRY_OUT, {"archive_count": 1})):
        assert answer.status_code in (403, 415) and "most_to_archive" not in answer.json()
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


@pytest.mark.django_db
def test_x2_another_enterprise_neither_sees_nor_archives_them(enterprise, other_enterprise, five):
    client = factories.api_client(other_enterprise)
    with clock.at(NOON):
        assert client.get(PLAN).json()["served"] == 0
        assert client.get(f"{PLAN}/contacts").json()["results"] == []
        refused = client.post(CARRY_OUT, {"archive_count": 1}, content_type=JSON)
    assert (refused.status_code, refused.json()["most_to_archive"]) == (409, 0)


def test_q16_the_service_refuses_what_the_api_cannot_say(inside):
    with pytest.raises(Invalid):
        carry_out(inside, count=0)
    with pytest.raises(Conflict):
        carry_out(inside, count=1)


@pytest.mark.django_db
def test_q16_without_a_forecast_there_is_no_plan_for_it(api, five):
    with clock.at(NOON):
        answer = api.get(f"{PLAN}?basis=forecast")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_forecast")
        assert api.get(f"{PLAN}?basis=next").status_code == 400
        assert api.get(f"{PLAN}?with_follow_ups=maybe").status_code == 400


@pytest.mark.django_db
def test_q16_the_plan_for_the_forecast_makes_room_for_those_to_come(enterprise, api):
    with tenant(enterprise.pk), clock.at(NOON):
        crowd.contacts(factories.super_admin(enterprise), 20)
        factories.reset_policy({"free_unverified": 22, "free_verified": 22})
        Forecast.objects.create(
            as_of=NOON.date(), computed_at=NOON, gain=[1.0, 5.0], low=[0.0, 2.0], high=[2.0, 8.0], facts={"daily": 3}
        )
        need = reading.plan(factories.super_admin(enterprise), basis=reading.Basis.FORECAST).need
    with clock.at(NOON):
        today, ahead = api.get(PLAN).json(), api.get(f"{PLAN}?basis=forecast").json()
    assert (today["need"], today["options"][0]["archive_count"]) == (20, 0)
    assert ahead["need"] == need > 22 and ahead["options"][0]["archive_count"] == need - 22


@pytest.mark.django_db
def test_q16_large_plans_are_kept_for_some_minutes(enterprise, monkeypatch):
    monkeypatch.setattr(reading, "LIVE", 3)
    with tenant(enterprise.pk), clock.at(NOON):
        admin = factories.super_admin(enterprise)
        crowd.contacts(admin, 5)
        at_once = {"basis": reading.Basis.TODAY, "with_follow_ups": False}
        assert reading.plan_at_once(admin, **at_once) is None
        first = reading.plan(admin)
        assert reading.plan_at_once(admin, **at_once) == first
        assert reading.plan_at_once(admin, basis=reading.Basis.TODAY, with_follow_ups=True) is None
        crowd.contacts(admin, 1, prefix="later")
        assert reading.plan(admin) == first
        assert reading.plan(admin, again=True).served == 6


@pytest.mark.django_db
def test_q16_the_api_costs_the_same_with_more_contacts(api, enterprise, five):
    def cost(url):
        with clock.at(NOON), CaptureQueriesContext(connection) as captured:
            assert api.get(url).status_code == 200
        return len(captured)

    for url in (PLAN, f"{PLAN}/contacts"):
        cost(url)
        before = cost(url)
        with tenant(enterprise.pk), clock.at(NOON):
            crowd.contacts(factories.super_admin(enterprise), 3, prefix=url[-4:])
        assert cost(url) == before <= 18


def test_q16_two_who_carry_it_out_at_once_archive_the_list_once(committed_db):
    """Whoever comes later finds the contacts archived, or nobody left to archive; the same places come back once."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        ids = crowd.contacts(factories.super_admin(enterprise), 12)

    def one(leave):
        try:
            with tenant(enterprise.pk):
                run = carry_out(factories.super_admin(enterprise), count=5, leave=leave)
        except Conflict as refusal:
            assert refusal.code == "carried_out"
            return 0
        return execute_run(enterprise.pk, run.pk).result["freed"]

    assert sum(in_parallel([lambda: one(7)] * 3)) == 5
    assert one(7) == 0
    assert consistent(enterprise) == 7
    with tenant(enterprise.pk):
        archived = set(Contact.objects.filter(status="archived").values_list("pk", flat=True))
    assert archived == set(sorted(ids)[:5])
    assert one(None) == 5, "without saying how many are to be left, the next five go"
