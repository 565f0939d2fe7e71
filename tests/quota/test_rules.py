"""The scale's decisions: capacity over time (Q3, Q4, Q7) and what may be bought (Q4, Q5, Q6)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from enterprises.policy import Policy
from quota.rules import (
    Offer,
    Package,
    PackageKind,
    Refused,
    capacity,
    capacity_window,
    check,
    last_end,
    package_end,
    renewal,
)

POLICY = Policy()
TIERS = (5000, 20000, 50000)
SECOND = timedelta(seconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
PURCHASE, RENEWAL, UPGRADE = PackageKind


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def package(tier: int, starts_at: datetime, ends_at: datetime | None = None, kind=PURCHASE) -> Package:
    return Package(f"{kind}-{tier}", tier, starts_at, ends_at or package_end(starts_at, SHANGHAI), kind)


def buy(kind, tier, packages=(), served=0, now=None, tiers=TIERS, zone=SHANGHAI) -> Offer | Refused:
    return check(kind, tier, packages=packages, served=served, now=now, tiers=tiers, policy=POLICY, zone=zone)


zones = st.sampled_from([SHANGHAI, NEW_YORK, UTC])
instants = st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 31), timezones=zones)
# Few possible starts and lengths, so that boundaries meet often.
aligned = st.integers(0, 40).map(lambda step: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=30 * step))
packages_strategy = st.lists(
    st.builds(
        lambda tier, start, days: package(tier, start, start + timedelta(days=days)),
        st.sampled_from([1000, 2000, 5000, 20000]),
        instants | aligned,
        st.sampled_from([0, 30, 90, 365]) | st.integers(0, 500),
    ),
    max_size=5,
)


# --- Q3, Q7: capacity --------------------------------------------------------------------------------------


def test_q3_capacity_free_verified_and_with_packages():
    now = local("2026-03-01T09:00")
    small, large = package(5000, now), package(20000, now)
    ended = package(50000, local("2024-03-01T09:00"))
    assert capacity(True, [], now, POLICY) == 2000
    assert capacity(True, [small], now, POLICY) == 5000
    assert capacity(True, [large, small, ended], now, POLICY) == 20000  # the largest, not the sum
    assert capacity(False, [], now, POLICY) == 100
    assert capacity(False, [large], now, POLICY) == 100  # whatever was bought


def test_q3_free_numbers_are_policy():
    policy = Policy.from_overrides({"free_verified": 3000, "free_unverified": 50})
    now = local("2026-03-01T09:00")
    assert capacity(True, [], now, policy) == 3000
    assert capacity(False, [], now, policy) == 50


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK])
@pytest.mark.parametrize("start", ["2024-02-29T00:00", "2026-03-01T09:00", "2026-12-31T23:59:59"])
def test_q7_capacity_follows_time_to_the_second(zone, start):
    start = local(start, zone)
    end = package_end(start, zone)
    bought = [Package("p", 5000, start, end, PURCHASE)]
    instants = [start - SECOND, start, start + SECOND, end - SECOND, end, end + SECOND]
    # Second arithmetic on absolute time: local wall clocks jump.
    assert [capacity(True, bought, at.astimezone(UTC), POLICY) for at in instants] == [
        2000,
        5000,
        5000,
        5000,
        2000,
        2000,
    ]


@given(verified=st.booleans(), packages=packages_strategy, now=instants | aligned)
def test_q3_capacity_is_the_largest_valid_tier_by_brute_force(verified, packages, now):
    expected = 2000 if verified else 100
    for bought in packages:
        begun = bought.starts_at.timestamp() <= now.timestamp()
        ended = bought.ends_at.timestamp() <= now.timestamp()
        if verified and begun and not ended and bought.tier > expected:
            expected = bought.tier
    assert capacity(verified, packages, now, POLICY) == expected


@given(verified=st.booleans(), packages=packages_strategy, now=instants | aligned, data=st.data())
def test_q7_capacity_holds_throughout_its_window_and_not_beyond(verified, packages, now, data):
    window = capacity_window(verified, packages, now, POLICY)

    def at(moment: datetime) -> int:
        return capacity(verified, packages, moment, POLICY)

    assert window.capacity == at(now)
    since = window.since or datetime(2020, 1, 1, tzinfo=UTC)
    until = window.until or datetime(2032, 1, 1, tzinfo=UTC)
    assert since <= now < until
    length = (until - since).total_seconds()
    inside = [since + timedelta(seconds=length * part) for part in (0, 0.25, 0.5, 0.75)]
    inside.append(since + timedelta(seconds=int(length * data.draw(st.floats(0, 0.999)))))
    edges = {edge for bought in packages for edge in (bought.starts_at, bought.ends_at)}
    inside += [edge for edge in edges if since <= edge < until]
    assert {at(moment) for moment in inside} == {window.capacity}
    if window.until:
        assert at(window.until) != window.capacity
    if window.since:
        assert at(window.since - timedelta(microseconds=1)) != window.capacity


def test_q7_window_of_an_upgraded_and_renewed_package():
    start, end = local("2026-01-10T08:00"), local("2027-01-10T08:00")
    upgraded = local("2026-06-01T12:00")
    packages = [
        package(5000, start, end),
        package(20000, upgraded, end, UPGRADE),
        package(20000, end, kind=RENEWAL),
    ]
    first = capacity_window(True, packages, start, POLICY)
    assert (first.capacity, first.since, first.until) == (5000, start, upgraded)
    second = capacity_window(True, packages, upgraded, POLICY)
    assert (second.capacity, second.since, second.until) == (20000, upgraded, local("2028-01-10T08:00"))
    before = capacity_window(True, packages, start - SECOND, POLICY)
    assert (before.capacity, before.since, before.until) == (2000, None, start)
    unverified = capacity_window(False, packages, upgraded, POLICY)
    assert (unverified.capacity, unverified.since, unverified.until) == (100, None, None)


# --- Q4: validity ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (SHANGHAI, "2026-03-01T09:30", "2027-03-01T09:30"),
        (SHANGHAI, "2023-02-28T00:00", "2024-02-28T00:00"),
        (SHANGHAI, "2024-02-28T00:00", "2025-02-28T00:00"),
        (SHANGHAI, "2024-02-29T10:00", "2025-03-01T10:00"),
        (SHANGHAI, "2023-03-01T10:00", "2024-03-01T10:00"),
        (NEW_YORK, "2026-07-01T00:00", "2027-07-01T00:00"),
        # Summer time begins on 8 March 2026 and on 14 March 2027: the local time stays, its offset does not.
        (NEW_YORK, "2026-03-10T12:00", "2027-03-10T12:00"),
        # 02:30 does not exist on 14 March 2027: the same offset as before the jump, 03:30 on the clock.
        (NEW_YORK, "2026-03-14T02:30", "2027-03-14T03:30"),
    ],
)
def test_q4_a_year_later_at_the_same_local_time(zone, start, end):
    assert package_end(local(start, zone), zone) == local(end, zone).astimezone(UTC)


def test_q4_the_calendar_day_is_that_of_the_enterprises_zone():
    """The same instant is 29 February in New York and already 1 March in Shanghai."""
    instant = datetime(2024, 2, 29, 20, tzinfo=UTC)
    assert package_end(instant, SHANGHAI) == datetime(2025, 2, 28, 20, tzinfo=UTC)  # 1 March 04:00 local
    assert package_end(instant, NEW_YORK) == datetime(2025, 3, 1, 20, tzinfo=UTC)  # 1 March 15:00 local


@given(start=instants, zone=zones)
def test_q4_a_package_lasts_365_or_366_days(start, zone):
    end = package_end(start, zone)
    # An hour more or less where the year begins and ends on different sides of summer time.
    assert timedelta(days=365, hours=-1) <= end - start <= timedelta(days=366, hours=1)
    assert end.tzinfo is UTC


# --- Q5: renewal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "end", "opens"),
    [
        (SHANGHAI, "2027-03-01T10:00", "2026-12-01T10:00"),
        (NEW_YORK, "2027-04-01T10:00", "2027-01-01T10:00"),  # across the start of summer time
        (SHANGHAI, "2024-03-01T10:00", "2023-12-02T10:00"),  # over a leap day
    ],
)
def test_q5_the_window_opens_90_days_before_the_end_to_the_second(zone, end, opens):
    end, opens = local(end, zone).astimezone(UTC), local(opens, zone).astimezone(UTC)
    running = Package("p", 5000, end - timedelta(days=365), end, PURCHASE)

    def open_at(now: datetime) -> bool:
        found = renewal([running], 36, now, TIERS, POLICY, zone)
        assert (found.opens_at, found.closes_at) in {(opens, end), (None, None)}
        refused = isinstance(buy(RENEWAL, 5000, [running], 36, now, zone=zone), Refused)
        assert refused is not found.open
        return found.open

    assert [open_at(at) for at in (opens - SECOND, opens, end - SECOND, end)] == [False, True, True, False]


def test_q5_36_served_may_renew_a_larger_package_at_5000():
    running = package(20000, local("2026-03-01T10:00"))
    now = local("2027-01-15T10:00")
    found = renewal([running], 36, now, TIERS, POLICY, SHANGHAI)
    assert (found.open, found.min_tier, found.tiers) == (True, 5000, TIERS)
    assert buy(RENEWAL, 5000, [running], 36, now) == Offer(
        RENEWAL, 5000, local("2027-03-01T10:00").astimezone(UTC), local("2028-03-01T10:00").astimezone(UTC)
    )


@pytest.mark.parametrize(("served", "min_tier"), [(4999, 5000), (5000, 20000), (5001, 20000), (50000, None)])
def test_q5_the_tier_must_be_larger_than_served_not_equal(served, min_tier):
    running = package(50000, local("2026-03-01T10:00"))
    now = local("2027-02-28T10:00")
    assert renewal([running], served, now, TIERS, POLICY, SHANGHAI).min_tier == min_tier
    for tier in TIERS:
        answer = buy(RENEWAL, tier, [running], served, now)
        if tier > served:
            assert isinstance(answer, Offer)
        else:
            assert isinstance(answer, Refused)
            large_enough = [tier for tier in TIERS if tier > served]
            assert (answer.code, answer.extra) == (
                "tier_too_small",
                {"served": served, "tiers": large_enough},
            )


def test_q5_too_early_says_when_the_window_opens():
    running = package(5000, local("2026-03-01T10:00"))
    answer = buy(RENEWAL, 5000, [running], 36, local("2026-06-01T10:00"))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.extra) == ("renewal_window_closed", {"opens_at": local("2026-12-01T10:00")})
    with translation.override("en"):
        assert str(answer.detail) == "The renewal window opens on 2026-12-01 10:00."


def test_q5_a_renewal_bought_ahead_is_the_last_end():
    running = package(5000, local("2026-03-01T10:00"))
    ahead = package(20000, local("2027-03-01T10:00"), kind=RENEWAL)
    answer = buy(RENEWAL, 5000, [running, ahead], 36, local("2027-01-01T10:00"))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.extra) == ("renewal_window_closed", {"opens_at": local("2027-12-02T10:00")})
    with translation.override("en"):
        assert str(answer.detail).startswith("The package is already renewed;")
    again = buy(RENEWAL, 5000, [running, ahead], 36, local("2027-12-02T10:00"))
    assert isinstance(again, Offer)
    assert again.starts_at == local("2028-03-01T10:00")


def test_q5_nothing_to_renew_before_the_first_package_and_after_the_last():
    ended = package(5000, local("2024-03-01T10:00"))
    for packages in ([], [ended]):
        answer = buy(RENEWAL, 5000, packages, 36, local("2026-03-01T10:00"))
        assert isinstance(answer, Refused)
        assert answer.code == "no_package"
        found = renewal(packages, 5000, local("2026-03-01T10:00"), TIERS, POLICY, SHANGHAI)
        assert (found.open, found.opens_at, found.closes_at, found.min_tier) == (False, None, None, 20000)


# --- Q4, Q6: purchase and upgrade --------------------------------------------------------------------------


def test_q4_a_purchase_starts_now():
    now = local("2026-03-01T10:00")
    ended = package(5000, local("2025-03-01T10:00"))  # ends at this very instant
    assert buy(PURCHASE, 5000, [ended], 2000, now) == Offer(
        PURCHASE, 5000, now.astimezone(UTC), local("2027-03-01T10:00").astimezone(UTC)
    )


def test_q4_a_purchase_while_a_package_runs_is_refused_with_what_would_help():
    running = package(5000, local("2026-03-01T10:00"))
    answer = buy(PURCHASE, 20000, [running], 36, local("2026-06-01T10:00"))
    assert isinstance(answer, Refused)
    assert answer.code == "package_running"
    assert answer.extra == {
        "valid_until": local("2027-03-01T10:00"),
        "opens_at": local("2026-12-01T10:00"),
        "tiers": [20000, 50000],
    }


def test_q6_an_upgrade_is_at_once_and_keeps_the_end_date():
    running = package(5000, local("2026-03-01T10:00"))
    now = local("2026-06-01T10:00")
    offer = buy(UPGRADE, 20000, [running], 5000, now)
    assert offer == Offer(UPGRADE, 20000, now.astimezone(UTC), local("2027-03-01T10:00").astimezone(UTC))
    upgraded = [running, Package("new", offer.tier, offer.starts_at, offer.ends_at, offer.kind)]
    assert capacity(True, upgraded, now, POLICY) == 20000
    assert capacity(True, upgraded, running.ends_at, POLICY) == 2000


@pytest.mark.parametrize(
    ("tier", "served", "code", "extra"),
    [
        (5000, 36, "not_an_upgrade", {"current": 20000, "tiers": [50000]}),
        (20000, 36, "not_an_upgrade", {"current": 20000, "tiers": [50000]}),
        (50000, 50000, "tier_too_small", {"served": 50000, "tiers": []}),
        (30000, 36, "unknown_tier", {"tiers": [50000]}),
    ],
)
def test_q6_what_is_not_an_upgrade(tier, served, code, extra):
    start = local("2026-03-01T10:00")
    packages = [package(5000, start), package(20000, start)]
    answer = buy(UPGRADE, tier, packages, served, local("2026-06-01T10:00"))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.extra) == (code, extra)


def test_q6_nothing_to_upgrade_without_a_valid_package():
    ahead = package(5000, local("2026-04-01T10:00"))
    answer = buy(UPGRADE, 20000, [ahead], 36, local("2026-03-01T10:00"))
    assert isinstance(answer, Refused)
    assert answer.code == "no_package"


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(PackageKind), st.sampled_from(TIERS), st.integers(0, 25000), st.integers(0, 120)),
        max_size=25,
    ),
    start=instants,
    zone=zones,
)
def test_q4_q5_q6_whatever_is_bought_in_whatever_order(steps, start, zone):
    """Each package holds more than is served, an upgrade raises capacity at once, a renewal leaves no gap."""
    bought: list[Package] = []
    now = start.astimezone(UTC)
    for number, (kind, tier, served, days) in enumerate(steps):
        now += timedelta(days=days)
        end_before = last_end(bought, now)
        held = capacity(True, bought, now, POLICY)
        answer = buy(kind, tier, tuple(bought), served, now, zone=zone)
        if isinstance(answer, Refused):
            continue
        assert answer.tier == tier > served
        assert now <= answer.starts_at < answer.ends_at
        bought.append(Package(str(number), answer.tier, answer.starts_at, answer.ends_at, answer.kind))
        match kind:
            case PackageKind.PURCHASE:
                assert held == 2000
                assert (answer.starts_at, answer.ends_at) == (now, package_end(now, zone))
            case PackageKind.UPGRADE:
                assert capacity(True, bought, now, POLICY) == tier > held
                assert last_end(bought, now) == end_before
            case PackageKind.RENEWAL:
                assert answer.starts_at == end_before
                assert answer.starts_at - now <= timedelta(days=90, hours=1)
                assert capacity(True, bought, now, POLICY) == held
                assert capacity(True, bought, answer.starts_at, POLICY) == tier
