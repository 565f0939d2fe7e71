"""C13: a tag rule held against the past says what it would really have done, and what cannot be known."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.errors import Forbidden
from common.ids import uuid7
from contacts import tag_history
from contacts.models import Contact, FollowTag, TagRule
from contacts.services import tag_rules, tags
from contacts.services.grading import grade_all
from contacts.services.history import record_interaction, record_purchase
from contacts.services.silence import tag_inactive
from contacts.tag_history import Turn, look_back, tell
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)
MIDNIGHT = NOON - timedelta(hours=12)  # in Shanghai
DAYS = 30


@pytest.fixture
def group(inside):
    factories.reset_policy({"inactive_days": 20, "frequent_purchases": 3})
    return tags.create_tag_group(inside, name="意向", tags=["高"])


def live(actor, night):
    """What happens on the day after a night: some talk, some buy, some do neither, somebody new comes."""
    with clock.at(night + timedelta(hours=9)):
        number = int((night - MIDNIGHT) / DAY)
        if number == -45:
            factories.contact(actor, name="quiet", external_userid="quiet")
        if number % 5 == 0:
            factories.contact(actor, name=f"new{number}", external_userid=f"new{number}")
        for position, contact in enumerate(Contact.objects.exclude(name="quiet").order_by("external_userid")):
            if (number + position) % 11 == 0:
                record_interaction(actor, contact=contact, kind="message_in")
            if (number + 3 * position) % 13 == 0:
                record_purchase(actor, contact=contact, order_no=f"{number}-{position}", amount=700 * (position + 1))
            if (number + position) % 17 == 0:
                record_purchase(actor, contact=contact, order_no=f"{number}-{position}", amount=-300)


RULES = {
    "silence": {"silent_days": 9},
    "money": {"spend_from": 1500, "known_days": 7},
    "poor": {"spend_below": 1000, "silent_days": 4},
    "grade": {"grade": ["high", "middle"]},
    "activity": {"activity": ["frequent"]},
    "inactive": {"inactive": True},
    "awake": {"inactive": False, "activity": ["occasional", "never"]},
}


@pytest.mark.parametrize("effect", ["keep", "tag"])
@pytest.mark.parametrize("conditions", RULES.values(), ids=RULES)
def test_c13_the_past_is_told_as_it_was(conditions, effect, inside, group):
    """The rule really applied every night of two months; held against them afterwards, it tells the same."""
    rule = tag_rules.save(inside, name="规则", conditions=conditions, effect=effect, tag=group.tags.get(), active=True)
    start = MIDNIGHT - (DAYS + 30) * DAY
    for number in range(3):
        factories.contact(inside, name=f"old{number}", external_userid=f"old{number}", added_at=start - 60 * DAY)
    really: dict[object, list[int]] = {}
    at_first, worn = 0, set()
    for number in range(DAYS + 31):
        night = start + number * DAY
        with clock.at(night):
            grade_all(night)
            tag_inactive(night)
            if number == 30 and effect == "tag":  # nothing was tagged before the time that is looked at
                FollowTag.objects.all().delete()
            while any(tag_rules.apply(inside, rule=rule)):
                pass
            now = set(FollowTag.objects.values_list("contact_id", flat=True))
        if number == 30:
            at_first = len(now)
        elif number > 30 and (now - worn or worn - now):
            really[night.astimezone(tag_history.zone(inside.enterprise)).date()] = [len(now - worn), len(worn - now)]
        worn = now
        if number < DAYS + 30:
            live(inside, night)
    with clock.at(NOON):
        history = look_back(inside, rule=rule, days=DAYS)
    assert history.told.at_first == at_first
    assert {day: [put, taken] for day, put, taken in history.told.days} == really
    assert really, "something happened"
    assert (set(history.asked), history.as_today, history.blurred) == (set(conditions), [], False)


def test_c13_examples_say_why(inside, group):
    contact = factories.contact(inside, name="王姐", added_at=NOON - 50 * DAY)
    with clock.at(NOON - 20 * DAY):
        record_interaction(inside, contact=contact, kind="message_in")
        record_purchase(inside, contact=contact, order_no="O1", amount=88)
    rule = TagRule(conditions={"silent_days": 10, "spend_from": 50}, effect="keep", tag=group.tags.get(), position=9)
    history = look_back(inside, rule=rule, days=30)
    (example,) = history.examples
    assert (example.contact, example.put) == (contact, True)
    assert (example.known_days, example.silent_days, example.spend) == (40, 10, Decimal(88))
    assert (history.told.put, history.told.taken, history.told.at_first) == (1, 0, 0)
    assert not FollowTag.objects.exists() and not TagRule.objects.exists()


def test_c13_what_is_kept_only_as_it_is_now_is_said_to_be_so(inside, group):
    member = factories.member("Anna")
    mine, other = factories.contact(inside, added_at=NOON - 60 * DAY), factories.contact(inside)
    Contact.objects.filter(pk=mine.pk).update(owner=member)
    Contact.objects.filter(pk=other.pk).update(added_at=NOON - 60 * DAY)
    conditions = {"owner": [str(member.pk)], "known_days": 50}
    rule = TagRule(conditions=conditions, effect="tag", tag=group.tags.get(), position=9)
    history = look_back(inside, rule=rule, days=30)
    assert (history.asked, history.as_today, history.contacts.value) == (["known_days"], ["owner"], 1)
    assert [(put, taken) for _day, put, taken in history.told.days] == [(1, 0)]
    rule.conditions = {"owner": [str(member.pk)]}
    history = look_back(inside, rule=rule, days=30)
    assert (history.asked, history.told.days, history.told.at_first) == ([], [], 0)


def test_c13_deleted_interactions_are_said_to_blur_the_past(inside, group):
    rule = TagRule(conditions={"silent_days": 60}, effect="tag", tag=group.tags.get(), position=9)
    factories.reset_policy({"inactive_days": 40, "interaction_days": 80})
    assert look_back(inside, rule=rule, days=30).blurred
    factories.reset_policy({"inactive_days": 40, "interaction_days": 90})
    assert not look_back(inside, rule=rule, days=30).blurred
    rule.conditions = {"spend_from": 60}
    factories.reset_policy({"inactive_days": 40, "interaction_days": 41})
    assert not look_back(inside, rule=rule, days=30).blurred


def test_c13_of_many_contacts_some_are_drawn_and_it_is_said(inside, group, monkeypatch):
    monkeypatch.setattr(tag_history, "SAMPLE", 2)
    for _each in range(5):
        factories.contact(inside, added_at=NOON - 60 * DAY)
    rule = TagRule(conditions={"known_days": 50}, effect="tag", tag=group.tags.get(), position=9)
    history = look_back(inside, rule=rule, days=30)
    assert (history.contacts.value, history.looked_at, history.told.put) == (5, 2, 2)


def test_c13_o5_the_past_of_all_contacts_is_for_those_who_see_them(team):
    made = tags.create_tag_group(team.admin, name="意向", tags=["高"])
    rule = TagRule(conditions={"known_days": 5}, effect="tag", tag=made.tags.get(), position=9)
    for actor in (team.actors.graded, team.actors.anna):
        with pytest.raises(Forbidden):
            look_back(actor, rule=rule, days=30)


NIGHTS = [datetime(2026, 6, day, tzinfo=UTC) for day in range(1, 8)]


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), max_size=6), st.sampled_from(["keep", "tag", "untag"]))
def test_c13_turns_are_counted_as_the_rule_acts(answers, effect):
    """Against the plain story of each contact: night by night it answers or not, and the rule acts or not."""
    turns, at_first, days = [], 0, {}
    for story in answers:
        contact, worn, acted = uuid7(), False, False
        for night, answer in zip(NIGHTS, story, strict=True):
            if answer and not worn and (effect == "keep" or not acted):
                if night == NIGHTS[0]:
                    at_first += 1
                else:
                    days.setdefault(night.date(), [0, 0])[0] += 1
                acted = True
            if not answer and worn and effect == "keep":
                days.setdefault(night.date(), [0, 0])[1] += 1
            if answer != worn:
                turns.append(Turn(contact, night, answer))
            worn = answer
    told = tell(sorted(turns, key=lambda turn: (turn.at, turn.contact)), effect, first=NIGHTS[0], local=UTC)
    assert told.at_first == at_first
    assert told.days == [(day, put, taken) for day, (put, taken) in sorted(days.items())]
