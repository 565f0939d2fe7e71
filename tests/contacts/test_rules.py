"""Contacts' decisions: status, sides of interactions, silence, value, activity."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules import (
    Activity,
    Grade,
    Kind,
    Side,
    Status,
    activity,
    grade,
    inactive,
    is_customer_side,
    is_sign_of_life,
    may_become,
    places,
    spend_since,
)
from enterprises.policy import CustomerKind, Policy

RETAILER = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail_invoices.csv.gz"
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = Policy()


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


# --- Status ------------------------------------------------------------------------------------------------

ACTIVE, ARCHIVED, LOST = Status


@pytest.mark.parametrize(
    ("before", "after", "allowed", "change"),
    [
        (None, ACTIVE, True, +1),
        (None, ARCHIVED, False, 0),
        (None, LOST, False, 0),
        (ACTIVE, ARCHIVED, True, -1),
        (ACTIVE, LOST, True, -1),
        (ACTIVE, None, True, -1),
        (ARCHIVED, ACTIVE, True, +1),
        (ARCHIVED, LOST, True, 0),
        (ARCHIVED, None, True, 0),
        (LOST, ACTIVE, True, +1),
        (LOST, ARCHIVED, False, 0),
        (LOST, None, True, 0),
        (ACTIVE, ACTIVE, False, 0),
        (ARCHIVED, ARCHIVED, False, 0),
        (LOST, LOST, False, 0),
        (None, None, False, 0),
    ],
)
def test_c2_q1_q2_every_change_of_status_and_what_it_does_to_served(before, after, allowed, change):
    assert may_become(before, after) is allowed
    assert places(before, after) == change


# --- Interactions ------------------------------------------------------------------------------------------


def test_c6_every_kind_has_a_side():
    sides = defaultdict(set)
    for kind in Kind:
        sides[kind.side].add(kind.value)
    assert sides[Side.CUSTOMER] == {"message_in", "group_message", "material_click", "purchase", "refund"}
    assert sides[Side.MEMBER] == {"message_out", "follow_up", "call"}
    assert {"archived", "restored", "lost"} <= sides[Side.SYSTEM]


def test_c6_customer_side_is_decided_by_the_stored_value():
    assert is_customer_side("refund")
    assert not is_customer_side("message_out")
    assert not is_customer_side("archived")
    with pytest.raises(ValueError, match="smoke_signal"):
        is_customer_side("smoke_signal")


def test_c7_which_kinds_count_is_policy_and_the_policy_offers_all_customer_side_kinds():
    assert {kind.value for kind in CustomerKind} == {kind.value for kind in Kind if kind.side is Side.CUSTOMER}
    without_refunds = Policy.from_overrides({"inactive_kinds": ["message_in", "purchase"]})
    assert is_sign_of_life("refund", POLICY)
    assert not is_sign_of_life("refund", without_refunds)
    assert is_sign_of_life(Kind.MESSAGE_IN, without_refunds)
    assert not is_sign_of_life("message_out", POLICY)


# --- Silence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added_at", "last_customer_at", "expected"),
    [
        (days_ago(400), days_ago(180), True),  # exactly 180 days of silence are enough
        (days_ago(400), days_ago(180) + SECOND, False),
        (days_ago(400), days_ago(180) - SECOND, True),
        (days_ago(400), None, True),
        (days_ago(180), None, True),  # and so is being known for exactly as long
        (days_ago(180) + SECOND, None, False),
        (days_ago(179), days_ago(300), False),  # a history imported for somebody added lately
        (days_ago(400), NOW, False),
    ],
)
def test_c7_inactive_boundaries(added_at, last_customer_at, expected):
    assert inactive(added_at, last_customer_at, NOW, POLICY) is expected


def test_c7_days_are_policy():
    month = Policy.from_overrides({"inactive_days": 30})
    assert inactive(days_ago(40), days_ago(30), NOW, month)
    assert not inactive(days_ago(40), days_ago(30), NOW, POLICY)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(added=moments, last=st.none() | moments, now=moments, later=st.timedeltas(timedelta(0), timedelta(900)))
def test_c7_time_alone_only_ever_makes_inactive_and_a_new_sign_of_life_ends_it(added, last, now, later):
    if inactive(added, last, now, POLICY):
        assert inactive(added, last, now + later, POLICY)
    assert not inactive(added, now, now, POLICY)


# --- Value and activity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spend", "expected"),
    [
        ("5000.00", Grade.HIGH),
        ("4999.99", Grade.MIDDLE),
        ("1000.00", Grade.MIDDLE),
        ("999.99", Grade.LOW),
        ("0", Grade.LOW),
        ("-12.50", Grade.LOW),
    ],
)
def test_c9_grade_boundaries(spend, expected):
    assert grade(Decimal(spend), POLICY) is expected


def test_c9_thresholds_are_policy():
    small = Policy.from_overrides({"grade_high": 100, "grade_middle": "10.50"})
    assert [grade(Decimal(spend), small) for spend in ("100", "10.50", "10.49")] == list(Grade)


def test_c9_the_spending_window_starts_365_days_ago():
    assert spend_since(NOW, POLICY) == datetime(2025, 3, 1, 12, tzinfo=UTC)
    assert spend_since(NOW, Policy.from_overrides({"spend_window_days": 1})) == datetime(2026, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("purchases", "interacted", "expected"),
    [
        (4, True, Activity.FREQUENT),
        (3, True, Activity.OCCASIONAL),
        (0, True, Activity.OCCASIONAL),
        (1, False, Activity.OCCASIONAL),  # a purchase is an interaction, whoever recorded it
        (0, False, Activity.NEVER),
    ],
)
def test_c10_activity_segments(purchases, interacted, expected):
    assert activity(purchases, interacted, POLICY) is expected


# --- The retailer ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not RETAILER.exists(), reason=f"the retailer's invoices are not at {RETAILER}")
def test_c7_c9_the_retailers_4372_customers():
    """Grades and silence of a real year as of 2011-12-10 00:00; the first invoice adds a customer."""
    now = datetime(2011, 12, 10, tzinfo=SHANGHAI)
    seen: dict[str, list[datetime]] = defaultdict(list)
    spend: dict[str, Decimal] = defaultdict(Decimal)
    with gzip.open(RETAILER, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["purchased_at"]).replace(tzinfo=SHANGHAI)
            seen[row["customer"]].append(at)
            if at >= spend_since(now, POLICY):
                spend[row["customer"]] += Decimal(row["amount_gbp"])
    grades = [grade(spend[customer], POLICY) for customer in seen]
    silent = [customer for customer, at in seen.items() if inactive(min(at), max(at), now, POLICY)]
    assert len(seen) == 4372
    assert [grades.count(value) for value in Grade] == [253, 1342, 2777]
    assert len(silent) == 865
