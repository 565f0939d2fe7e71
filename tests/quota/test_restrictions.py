"""The table of restrictions (Q8), the reply window (Q9), and what would help."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import assume, example, given
from hypothesis import strategies as st

from enterprises.policy import Policy
from quota.rules import (
    Action,
    Archive,
    Buy,
    Offer,
    Package,
    PackageKind,
    Position,
    Renew,
    State,
    Verify,
    capacity,
    check,
    decide,
    lapse,
    package_end,
    state,
)

POLICY = Policy()
TIERS = (5000, 20000, 50000)
SECOND = timedelta(seconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 6, 1, 12, tzinfo=SHANGHAI)
START = datetime(2026, 3, 1, 10, tzinfo=SHANGHAI)
END = datetime(2027, 3, 1, 10, tzinfo=SHANGHAI)
RUNNING = Package("running", 5000, START, END, PackageKind.PURCHASE)


# --- Q8: the table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("served", "limit", "expected"),
    [
        (0, 100, "below"),
        (99, 100, "below"),
        (100, 100, "at_capacity"),
        (101, 100, "over"),
        (0, 0, "at_capacity"),
    ],
)
def test_q8_state(served, limit, expected):
    assert state(served, limit) is State(expected)
    assert Position(served, limit).state is State(expected)
    assert Position(served, limit).room == max(0, limit - served)


Y, N = True, False
Q8 = {
    #                     below, at capacity, over
    "add_contact": (Y, N, N),
    "restore_contact": (Y, N, N),
    "invite_to_group": (Y, N, N),
    "mass_send": (Y, Y, N),
    "moment": (Y, Y, N),
    "group_announcement": (Y, Y, N),
    "manage_groups": (Y, Y, N),
    "inherit_resigned": (Y, Y, N),
    "reply": (Y, Y, N),  # over: within 48 h of the contact's last message, see Q9 below
    "read": (Y, Y, Y),
    "archive": (Y, Y, Y),
    "delete": (Y, Y, Y),
    "export": (Y, Y, Y),
    "renew": (Y, Y, Y),
    "upgrade": (Y, Y, Y),
}


def test_q8_the_table_covers_every_action():
    assert set(Q8) == {action.value for action in Action}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize(("column", "served"), [(0, 1999), (1, 2000), (2, 2001)])
def test_q8_every_action_in_every_state(action, column, served):
    decision = decide(action, Position(served, 2000, tiers=TIERS), NOW, POLICY)
    assert decision.allowed is Q8[action.value][column]
    assert (decision.code is None) is (decision.detail is None) is (decision.remedies == ()) is decision.allowed


@pytest.mark.parametrize(
    ("action", "served", "code", "detail"),
    [
        (Action.ADD_CONTACT, 2000, "quota_exceeded", "Places needed: 1; taken: 2,000 of 2,000."),
        (Action.INVITE_TO_GROUP, 2001, "quota_exceeded", "Places needed: 1; taken: 2,001 of 2,000."),
        (
            Action.MASS_SEND,
            2001,
            "restricted",
            "2,001 contacts are served, more than the scale of 2,000; not possible until they fit.",
        ),
        (
            Action.REPLY,
            2001,
            "reply_window_closed",
            "2,001 contacts are served, more than the scale of 2,000; a reply is possible only within 48 hours"
            " of the contact's last message.",
        ),
    ],
)
def test_q8_a_refusal_has_a_code_and_a_text(action, served, code, detail):
    decision = decide(action, Position(served, 2000), NOW, POLICY)
    with translation.override("en"):
        assert (decision.code, str(decision.detail)) == (code, detail)


@pytest.mark.parametrize(("places", "allowed"), [(1, True), (10, True), (11, False), (500, False)])
def test_q8_q10_several_places_are_admitted_only_together(places, allowed):
    position = Position(1990, 2000, tiers=TIERS)
    for action in (Action.ADD_CONTACT, Action.RESTORE_CONTACT):
        assert decide(action, position, NOW, POLICY, places=places).allowed is allowed
    assert decide(Action.MASS_SEND, position, NOW, POLICY, places=places).allowed


# --- Q9: the reply window ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "allowed"),
    [
        (timedelta(0), True),
        (timedelta(hours=48) - SECOND, True),
        (timedelta(hours=48), False),  # the window excludes its end
        (timedelta(hours=48) + SECOND, False),
        (-SECOND, True),  # a clock that is a little ahead does not forbid an answer
    ],
)
def test_q9_a_reply_is_possible_within_48_hours_of_the_last_message(since, allowed):
    over, below = Position(2001, 2000), Position(1999, 2000)
    assert decide(Action.REPLY, over, NOW, POLICY, last_inbound_at=NOW - since).allowed is allowed
    assert decide(Action.REPLY, below, NOW, POLICY, last_inbound_at=NOW - since).allowed


def test_q9_the_window_slides_with_every_message():
    first = datetime(2026, 6, 1, 12, tzinfo=UTC)
    later = first + timedelta(hours=40)
    at = first + timedelta(hours=50)
    over = Position(2001, 2000)
    assert not decide(Action.REPLY, over, at, POLICY, last_inbound_at=first).allowed
    assert decide(Action.REPLY, over, at, POLICY, last_inbound_at=later).allowed


def test_q9_the_window_is_policy_and_opens_nothing_else():
    day = Policy.from_overrides({"reply_window_hours": 24})
    over, message = Position(2001, 2000), NOW - timedelta(hours=30)
    assert decide(Action.REPLY, over, NOW, POLICY, last_inbound_at=message).allowed
    assert not decide(Action.REPLY, over, NOW, day, last_inbound_at=message).allowed
    assert not decide(Action.MASS_SEND, over, NOW, POLICY, last_inbound_at=NOW).allowed


# --- What would help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "action", "places", "expected"),
    [
        (
            Position(2000, 2000, tiers=TIERS),
            Action.ADD_CONTACT,
            1,
            (Archive(1), Buy(PackageKind.PURCHASE, TIERS)),
        ),
        (
            Position(5200, 5000, True, (RUNNING,), TIERS),
            Action.MASS_SEND,
            1,
            (Archive(200), Buy(PackageKind.UPGRADE, (20000, 50000))),
        ),
        # The tier must be more than is served (Q5), so 5000 is none for 5000 served.
        (
            Position(5000, 2000, True, (), TIERS),
            Action.MOMENT,
            1,
            (Archive(3000), Buy(PackageKind.PURCHASE, (20000, 50000))),
        ),
        # More is wanted than archiving everybody would free.
        (
            Position(10, 2000, True, (), TIERS),
            Action.ADD_CONTACT,
            5000,
            (Buy(PackageKind.PURCHASE, (20000, 50000)),),
        ),
        (Position(50000, 50000, True, (), TIERS), Action.ADD_CONTACT, 1, (Archive(1),)),
        # Unverified: verification brings the free scale, or what was bought; buying alone would not help.
        (Position(100, 100, False, (), TIERS), Action.ADD_CONTACT, 1, (Verify(2000), Archive(1))),
        (Position(2100, 100, False, (RUNNING,), TIERS), Action.MOMENT, 1, (Verify(5000), Archive(2000))),
        (
            Position(3000, 100, False, (), TIERS),
            Action.MOMENT,
            1,
            (Verify(2000), Archive(2900), Buy(PackageKind.PURCHASE, TIERS)),
        ),
    ],
)
def test_q8_remedies(position, action, places, expected):
    assert decide(action, position, NOW, POLICY, places=places).remedies == expected


@given(
    action=st.sampled_from(Action),
    served=st.integers(0, 60000),
    verified=st.booleans(),
    packages=st.sampled_from([(), (RUNNING,)]),
    places=st.integers(1, 9000),
)
@example(action=Action.MASS_SEND, served=50_000, verified=False, packages=(), places=1)
def test_q8_every_remedy_helps(action, served, verified, packages, places):
    limit = capacity(verified, packages, NOW, POLICY)
    position = Position(served, limit, verified, packages, TIERS)
    decision = decide(action, position, NOW, POLICY, places=places)
    assume(not decision.allowed)

    def then(served: int, limit: int) -> bool:
        return decide(action, Position(served, limit), NOW, POLICY, places=places).allowed

    kinds = [remedy.kind for remedy in decision.remedies]
    assert len(set(kinds)) == len(kinds)
    for remedy in decision.remedies:
        match remedy:
            case Archive(count):
                assert then(served - count, limit)
                assert not then(served - count + 1, limit)  # and not one too many
            case Buy(kind, tiers):
                for tier in tiers:
                    offer = check(
                        kind,
                        tier,
                        packages=packages,
                        served=served,
                        now=NOW,
                        tiers=TIERS,
                        policy=POLICY,
                        zone=SHANGHAI,
                    )
                    assert isinstance(offer, Offer)
                    assert then(served, tier)
            case Verify(gives):
                assert gives == capacity(True, packages, NOW, POLICY)
                sold = [tier for tier in TIERS if tier > served]  # Q5: an equal one is not
                assert then(served, gives) or "buy" in kinds or not any(then(served, tier) for tier in sold)


def test_q8_decisions_are_json_for_the_api():
    with translation.override("en"):
        shown = decide(Action.ADD_CONTACT, Position(2000, 2000, tiers=TIERS), NOW, POLICY).as_dict()
    assert json.loads(json.dumps(shown)) == {
        "allowed": False,
        "code": "quota_exceeded",
        "detail": "Places needed: 1; taken: 2,000 of 2,000.",
        "remedies": [
            {"kind": "archive", "count": 1},
            {"kind": "buy", "package": "purchase", "tiers": [5000, 20000, 50000]},
        ],
    }
    allowed = decide(Action.READ, Position(0, 100), NOW, POLICY).as_dict()
    assert allowed == {"allowed": True, "code": None, "detail": None, "remedies": []}


# --- Q7: what the next expiry brings -----------------------------------------------------------------------


def test_q7_the_next_expiry_with_the_way_to_keep_the_scale():
    opens = datetime(2026, 12, 1, 10, tzinfo=SHANGHAI)
    coming = lapse(Position(3000, 5000, True, (RUNNING,), TIERS), NOW, POLICY, SHANGHAI)
    assert coming is not None
    assert (coming.at, coming.capacity, coming.state) == (END, 2000, State.OVER)
    assert coming.remedies == (Renew(TIERS, opens, END), Archive(1000))
    calm = lapse(Position(36, 5000, True, (RUNNING,), TIERS), NOW, POLICY, SHANGHAI)
    assert calm is not None
    assert (calm.state, calm.remedies) == (State.BELOW, (Renew(TIERS, opens, END),))


def test_q7_a_renewal_at_a_smaller_tier_is_the_next_loss_and_a_larger_one_is_none():
    def with_renewal(tier: int):
        ahead = Package("ahead", tier, END, package_end(END, SHANGHAI), PackageKind.RENEWAL)
        large = Package("large", 20000, START, END, PackageKind.UPGRADE)
        return lapse(Position(6000, 20000, True, (RUNNING, large, ahead), TIERS), NOW, POLICY, SHANGHAI)

    smaller, larger = with_renewal(5000), with_renewal(50000)
    assert (smaller.at, smaller.capacity, smaller.state) == (END, 5000, State.OVER)
    assert smaller.remedies == (Archive(1000),)  # the renewal is bought already
    assert (larger.at, larger.capacity) == (package_end(END, SHANGHAI), 2000)


def test_q7_nothing_lapses_without_a_package_or_without_verification():
    assert lapse(Position(36, 2000, True, (), TIERS), NOW, POLICY, SHANGHAI) is None
    assert lapse(Position(36, 100, False, (RUNNING,), TIERS), NOW, POLICY, SHANGHAI) is None
