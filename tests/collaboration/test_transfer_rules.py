"""The pure decisions of hand-over, by property (O6, O7)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaboration.rules.transfers import Kind, Split, blocked_until, due_at, shares
from enterprises.policy import Policy
from tests.factories import NOON

ROOMS = st.lists(st.integers(-3, 60), min_size=1, max_size=8)


@given(st.integers(0, 300), ROOMS, st.sampled_from(list(Split)))
def test_o6_shares_give_all_that_fits_and_nobody_more_than_fits(count, rooms, split):
    given_ = shares(count, rooms, split)
    assert sum(given_) == min(count, sum(max(0, room) for room in rooms))
    assert all(0 <= number <= max(0, room) for number, room in zip(given_, rooms, strict=True))


@given(st.integers(0, 300), ROOMS)
def test_o6_even_shares_differ_by_one_but_for_those_who_are_full(count, rooms):
    given_ = shares(count, rooms, Split.EVEN)
    with_room = [number for number, room in zip(given_, rooms, strict=True) if number < room]
    if with_room:
        assert max(with_room) - min(with_room) <= 1
        assert all(number <= min(with_room) + 1 for number in given_)


@given(st.integers(0, 300), ROOMS)
def test_o6_shares_by_room_are_in_proportion(count, rooms):
    given_ = shares(count, rooms, Split.ROOM)
    whole = sum(max(0, room) for room in rooms)
    for number, room in zip(given_, rooms, strict=True):
        assert whole == 0 or abs(number - min(count, whole) * max(0, room) / whole) < 1


@given(st.lists(st.integers(0, 200), max_size=6), st.integers(1, 3))
def test_o7_blocked_exactly_while_the_limit_is_reached_in_the_window(ago, limit):
    today, policy = date(2026, 6, 15), Policy(transfer_limit=limit)
    days = [today - timedelta(days=number) for number in ago]

    def reached(day):
        return sum(1 for one in days if one <= day < one + timedelta(days=policy.transfer_days)) >= limit

    free = blocked_until(days, today, policy)
    assert (free is not None) == reached(today)
    if free is not None:
        assert not reached(free) and reached(free - timedelta(days=1))


@pytest.mark.parametrize(("kind", "hours"), [(Kind.ON_JOB, 24), (Kind.RESIGNED, 0)])
def test_o7_only_on_the_job_may_contacts_decline(kind, hours):
    assert due_at(kind, NOON, Policy()) - NOON == timedelta(hours=hours)
