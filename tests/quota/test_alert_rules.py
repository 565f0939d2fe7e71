"""When an alert begins and ends (Q13): the pure rules, whatever the numbers do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota import rules
from quota.rules import AlertKind, Lapse, Line, State
from quota.rules.alerts import Change

SHANGHAI = ZoneInfo("Asia/Shanghai")
DEFAULT = (80, 90, 95, 100)

capacities = st.integers(1, 10_000_000)
margins = st.integers(0, 50)
shares = st.lists(st.integers(1, 100), min_size=0, max_size=5, unique=True).map(lambda found: tuple(sorted(found)))


def lines(*thresholds: int, over: bool = False) -> set[Line]:
    return {Line(AlertKind.USAGE, threshold) for threshold in thresholds} | ({Line(AlertKind.OVER)} if over else set())


def walk(numbers, capacity=100, thresholds=DEFAULT, margin=2):
    """What is raised and cleared at each of these numbers served."""
    standing: set[Line] = set()
    for served in numbers:
        change = rules.usage(standing, served, capacity, thresholds, margin)
        standing = (standing | change.raised) - change.cleared
        yield sorted(line.threshold for line in change.raised), sorted(line.threshold for line in change.cleared)


def test_q13_each_line_once_and_again_only_after_it_was_calm():
    steps = list(walk([79, 80, 79, 80, 78, 77, 80, 100, 101, 100, 97, 0]))
    assert steps == [
        ([], []),
        ([80], []),
        ([], []),  # below the line, but not calm
        ([], []),
        ([], []),  # 78 % is not below 78 %
        ([], [80]),
        ([80], []),
        ([90, 95, 100], []),
        ([0], []),  # over
        ([], [0]),
        ([], [100]),
        ([], [80, 90, 95]),
    ]


@pytest.mark.parametrize(
    ("served", "capacity", "reached"),
    [(1599, 2000, False), (1600, 2000, True), (2, 3, False), (3, 3, True), (4_000, 5_000, True), (3_999, 5_000, False)],
)
def test_q13_the_line_belongs_to_its_share(served, capacity, reached):
    change = rules.usage((), served, capacity, (80,), 2)
    assert (change.raised >= lines(80)) is reached


def test_q13_a_threshold_that_the_policy_dropped_ends_at_once():
    change = rules.usage(lines(80, 85), 86, 100, DEFAULT, 2)
    assert (change.raised, change.cleared) == (frozenset(), lines(85))


def test_q13_a_larger_package_calms_and_a_lost_one_alerts():
    assert rules.usage(lines(80, 90, 95, 100), 2000, 5000, DEFAULT, 2).cleared == lines(80, 90, 95, 100)
    lost = rules.usage((), 2500, 2000, DEFAULT, 2)
    assert lost.raised == lines(80, 90, 95, 100, over=True)
    assert rules.telling(lost.raised) == Line(AlertKind.OVER)


@given(capacities, shares, margins, st.lists(st.floats(0, 1.3), max_size=30))
def test_q13_raising_and_clearing_alternate_and_need_the_whole_distance(capacity, thresholds, margin, path):
    standing: set[Line] = set()
    last: dict[Line, str] = {}
    for share in path:
        served = int(share * capacity)
        change = rules.usage(standing, served, capacity, thresholds, margin)
        assert not change.raised & standing and change.cleared <= standing
        for line in change.raised:
            assert last.get(line) != "raised"
            assert served * 100 >= line.threshold * capacity if line.threshold else served > capacity
            last[line] = "raised"
        for line in change.cleared:
            assert last[line] == "raised"
            floor = max(line.threshold - margin, 1)
            assert served * 100 < floor * capacity if line.threshold else served <= capacity
            last[line] = "cleared"
        standing = (standing | change.raised) - change.cleared
        # Asking again at the same number changes nothing (X6).
        assert rules.usage(standing, served, capacity, thresholds, margin) == Change(frozenset(), frozenset())


@given(st.integers(1, 500), shares, margins, st.integers(0, 600), st.integers(0, 600))
def test_q13_the_quiet_band_is_exactly_where_nothing_changes(capacity, thresholds, margin, before, served):
    standing = rules.usage((), before, capacity, thresholds, margin).raised
    low, high = rules.quiet_band(standing, capacity, thresholds, margin)
    change = rules.usage(standing, served, capacity, thresholds, margin)
    assert (low <= served < high) is (not change.raised and not change.cleared)


# --- Before the end of capacity -------------------------------------------------------------------------------

END = datetime(2027, 6, 15, 12, 0, tzinfo=SHANGHAI)
DAYS = (90, 30, 7, 1)


def lapse(at: datetime = END) -> Lapse:
    return Lapse(at.astimezone(UTC), 2000, State.OVER, ())


def days(change_part) -> list[int]:
    return sorted((line.threshold for line in change_part), reverse=True)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(days=90, seconds=1), []),
        (timedelta(days=90), [90]),
        (timedelta(days=30, seconds=1), [90]),
        (timedelta(days=30), [90, 30]),
        (timedelta(days=7), [90, 30, 7]),
        (timedelta(days=1), [90, 30, 7, 1]),
    ],
)
def test_q13_days_before_the_end(before, expected):
    change = rules.expiry((), lapse(), END - before, DAYS, SHANGHAI)
    assert days(change.raised) == expected and not change.cleared
    if expected:
        assert rules.telling(change.raised) == Line(AlertKind.EXPIRY, expected[-1], lapse().at.isoformat())


def test_q13_days_are_calendar_days_over_a_change_of_the_clocks():
    """Seven days before 12:00 in New York is 12:00, though one of the days has 23 hours."""
    new_york = ZoneInfo("America/New_York")
    end = datetime(2027, 3, 15, 12, 0, tzinfo=new_york)
    week_before = datetime(2027, 3, 8, 12, 0, tzinfo=new_york)
    assert days(rules.expiry((), lapse(end), week_before, (7,), new_york).raised) == [7]
    assert not rules.expiry((), lapse(end), week_before - timedelta(seconds=1), (7,), new_york).raised


def test_q13_a_renewal_ends_the_alerts_and_the_next_end_has_its_own():
    standing = rules.expiry((), lapse(), END - timedelta(days=5), DAYS, SHANGHAI).raised
    renewed = lapse(END.replace(year=2028))
    change = rules.expiry(standing, renewed, END - timedelta(days=5), DAYS, SHANGHAI)
    assert (change.raised, change.cleared) == (frozenset(), standing)
    later = rules.expiry((), renewed, END.replace(year=2028) - timedelta(days=30), DAYS, SHANGHAI)
    assert days(later.raised) == [90, 30] and not later.raised & standing
    assert rules.expiry(standing, None, END, DAYS, SHANGHAI).cleared == standing


@given(st.integers(0, 200), st.integers(0, 200))
def test_q13_days_alert_once_each_in_whatever_order_the_job_looks(first, second):
    standing: frozenset = frozenset()
    for ahead in (first, second, first):
        change = rules.expiry(standing, lapse(), END - timedelta(days=ahead), DAYS, SHANGHAI)
        assert not change.raised & standing and not change.cleared
        standing |= change.raised
    assert days(standing) == [count for count in DAYS if count >= min(first, second)]


# --- Budgets of teams -----------------------------------------------------------------------------------------


def team_lines(team: str, *thresholds: int) -> set[Line]:
    return {Line(AlertKind.BUDGET, threshold, team) for threshold in thresholds}


def test_q12_q13_each_budget_has_its_own_lines():
    first = rules.budget_usage((), {"a": (85, 100), "b": (50, 100)}, DEFAULT, 2)
    assert (first.raised, first.cleared) == (team_lines("a", 80), frozenset())
    second = rules.budget_usage(first.raised, {"a": (79, 100), "b": (100, 100)}, DEFAULT, 2)
    assert (second.raised, second.cleared) == (team_lines("b", 80, 90, 95, 100), frozenset())
    gone = rules.budget_usage(first.raised | second.raised, {"a": (70, 100)}, DEFAULT, 2)
    assert gone.cleared == first.raised | second.raised and not gone.raised


def test_q12_q13_a_budget_of_nothing_is_full_with_the_first_place():
    assert rules.budget_usage((), {"a": (0, 0)}, DEFAULT, 2) == Change(frozenset(), frozenset())
    assert rules.budget_usage((), {"a": (1, 0)}, DEFAULT, 2).raised == team_lines("a", *DEFAULT)
    assert rules.budget_usage(team_lines("a", *DEFAULT), {"a": (0, 0)}, DEFAULT, 2).cleared == team_lines("a", *DEFAULT)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 50)), max_size=20), margins)
def test_q12_q13_budgets_never_raise_twice_nor_disturb_the_scale(path, margin):
    standing = frozenset(lines(80, over=True))
    for served, places in path:
        change = rules.budget_usage(standing, {"a": (served, places)}, DEFAULT, margin)
        assert not change.raised & standing and change.cleared <= standing
        assert {line.kind for line in change.raised | change.cleared} <= {AlertKind.BUDGET}
        standing = (standing | change.raised) - change.cleared
        assert rules.budget_usage(standing, {"a": (served, places)}, DEFAULT, margin) == Change(
            frozenset(), frozenset()
        )
