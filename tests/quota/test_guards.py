"""Everything that Q8 names asks one function: the guard as services use it, in every state, and the rehearsal of it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.errors import Forbidden, Invalid, Refusal
from common.tenancy import tenant
from enterprises.policy import Policy
from quota import queries, services
from quota.rules import Action, Package, PackageKind, Position, State, capacity, decide, lapse, rehearse
from tests import factories
from tests.factories import NOON

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLACES = {Action.ADD_CONTACT, Action.RESTORE_CONTACT, Action.INVITE_TO_GROUP}
REACH = {Action.MASS_SEND, Action.MOMENT, Action.GROUP_ANNOUNCEMENT, Action.MANAGE_GROUPS, Action.INHERIT_RESIGNED}
STOPPED = {
    State.BELOW: {},
    State.AT_CAPACITY: dict.fromkeys(PLACES, "quota_exceeded"),
    State.OVER: {**dict.fromkeys(PLACES, "quota_exceeded"), **dict.fromkeys(REACH, "restricted")},
}


@pytest.fixture
def actor(enterprise):
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        for _number in range(3):
            factories.contact(actor)
        yield actor


def scale(actor, places: int) -> None:
    factories.reset_policy({"free_unverified": places, "free_verified": places})
    services.refresh_account(actor.enterprise)


def answer(actor, action: Action, **more) -> str | None:
    try:
        services.check(actor, action, **more)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.django_db
@pytest.mark.parametrize(("places", "state"), [(4, State.BELOW), (3, State.AT_CAPACITY), (2, State.OVER)])
def test_q8_the_guard_in_every_state(actor, places, state):
    scale(actor, places)
    answers = {action: answer(actor, action) for action in Action if action is not Action.REPLY}
    assert answers == {action: STOPPED[state].get(action) for action in answers}


@pytest.mark.django_db
def test_q8_a_refused_guard_says_what_would_help(actor):
    scale(actor, 2)
    with pytest.raises(Forbidden) as caught:
        services.check(actor, Action.MASS_SEND)
    assert caught.value.status == 403
    assert caught.value.extra["remedies"][0] == {"kind": "archive", "count": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(("ago", "code"), [(47.99, None), (48, "reply_window_closed"), (None, "reply_window_closed")])
def test_q9_the_guard_of_replies(actor, ago, code):
    scale(actor, 2)
    last = None if ago is None else NOON - timedelta(hours=ago)
    assert answer(actor, Action.REPLY, last_inbound_at=last) == code


# --- Rehearsal --------------------------------------------------------------------------------------------

POLICY = Policy(free_verified=50, free_unverified=10)
PACKAGE = st.builds(
    lambda start, days, tier: Package(
        "p", tier, NOON + timedelta(days=start), NOON + timedelta(days=start + days), PackageKind.PURCHASE
    ),
    st.integers(-200, 100),
    st.integers(1, 300),
    st.sampled_from([40, 100, 200]),
)


@given(
    st.lists(PACKAGE, max_size=3),
    st.booleans(),
    st.integers(0, 250),
    st.integers(0, 400),
    st.none() | st.integers(0, 250),
)
def test_q7_q8_what_is_rehearsed_is_what_happens(packages, verified, served, days, wanted):
    """Asking for a day now gives what asking on that day gives."""
    bought = tuple(packages)
    now, at = NOON, NOON + timedelta(days=days)
    here = Position(served, capacity(verified, bought, now, POLICY), verified, bought, (100, 200))
    played = rehearse(here, at, now, POLICY, SHANGHAI, actions=Action, served=wanted)
    number = served if wanted is None else wanted
    there = Position(number, capacity(verified, bought, at, POLICY), verified, bought, (100, 200))
    assert played.position == there
    assert played.decisions == {action: decide(action, there, at, POLICY) for action in Action}
    assert bool(played.stops) == (number >= there.capacity)
    if number >= there.capacity:
        assert played.remedies


@given(st.lists(PACKAGE, min_size=1, max_size=3), st.integers(0, 250))
def test_q7_the_next_expiry_is_a_rehearsal_of_it(packages, served):
    bought = tuple(packages)
    here = Position(served, capacity(True, bought, NOON, POLICY), True, bought, (100, 200))
    coming = lapse(here, NOON, POLICY, SHANGHAI)
    if coming is not None:
        played = rehearse(here, coming.at, NOON, POLICY, SHANGHAI, actions=Action)
        assert (played.position.capacity, played.position.state) == (coming.capacity, coming.state)


@pytest.mark.django_db
def test_q7_q8_the_overview_tells_what_the_rehearsal_tells(actor):
    services.buy_package(actor, tier=5000, kind="purchase")
    factories.reset_policy({"free_verified": 2, "free_unverified": 2})
    view = queries.overview(actor.enterprise)
    assert view.expiry is not None
    played = queries.rehearse(actor.enterprise, view.expiry.lapse.at)
    assert played.stops == view.expiry.stops == queries.GUARDED
    assert [remedy.kind for remedy in played.remedies] == ["renew", "archive", "buy"]
    before = queries.rehearse(actor.enterprise, view.expiry.lapse.at - timedelta(seconds=1))
    assert before.stops == ()
    assert queries.rehearse(actor.enterprise, served=5000).stops == tuple(queries.GUARDED[:3])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "served", "field"), [(-1, None, "at"), (3661, None, "at"), (1, -1, "served"), (1, 10_000_001, "served")]
)
def test_q8_what_cannot_be_rehearsed(actor, days, served, field):
    with pytest.raises(Invalid) as caught:
        queries.rehearse(actor.enterprise, NOON + timedelta(days=days), served=served)
    assert set(caught.value.errors) == {field}
