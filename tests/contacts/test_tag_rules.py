"""C13: limits and the system's tag, merging, the report of dead tags, and rules."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from common.tenancy import tenant
from contacts import rules, tag_usage, worn_tags
from contacts.models import Contact, FollowTag, SavedView, Tag, TagGroup, TagRule
from contacts.rules import Status, TagEffect, is_reserved_tag
from contacts.services import tag_merges, tag_room, tag_rules, tags, views
from contacts.services.contacts import add_contact, archive_contact
from enterprises.models import Department
from enterprises.services import GRADED_ADMIN
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.factories import NOON
from tests.parallel import in_parallel


@pytest.fixture
def group(inside):
    return tags.create_tag_group(inside, name="意向", tags=["高", "中", "低"], colour="blue")


def tag(name="高"):
    return Tag.objects.get(name=name)


def rule(actor, name="规则", effect="tag", to="高", active=True, **conditions):
    return tag_rules.save(actor, name=name, conditions=conditions, effect=effect, tag=tag(to), active=active)


def wearers(name="高"):
    return set(FollowTag.objects.filter(tag__name=name).values_list("contact__name", flat=True))


def apply_all(actor):
    """As the nightly job does, step by step."""
    total = [0, 0]
    for one in TagRule.objects.filter(active=True).select_related("tag"):
        while any(done := tag_rules.apply(actor, rule=one)):
            total = [total[0] + done[0], total[1] + done[1]]
    return tuple(total)


# --- Names, limits, the system's tag --------------------------------------------------------------------------


@given(
    st.sampled_from(["低效", " 低效 ", "Inactive", "INACTIVE", "ｉｎａｃｔｉｖｅ", "低\u200b效", "\u2060低效\ufeff"])
)
def test_c13_the_systems_tag_is_known_however_it_is_written(name):
    assert is_reserved_tag(name)


def test_c13_the_systems_tag_cannot_be_made_or_imitated(inside, group):
    for attempt in (
        lambda: tags.create_tag(inside, group=group, name="低效"),
        lambda: tags.create_tag_group(inside, name="新组", tags=["inactive"]),
        lambda: tags.edit(inside, row=tag(), name="低效"),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "reserved_name"
    assert set(Tag.objects.values_list("name", flat=True)) == {"高", "中", "低"}


def test_c13_the_systems_tag_is_shown_as_its_own(inside, group):
    contact = factories.contact(inside)
    tags.tag_contact(inside, contact=contact, add=[tag()])
    contact.inactive = True
    system, own = worn_tags.of(contact)
    assert (system.name, system.system, system.id, system.by) == ("低效", True, None, [])
    assert (own.name, own.system, own.colour) == ("高", False, "blue")


def test_c13_colour_and_order_of_a_group(inside, group):
    tags.edit(inside, row=group, colour="red", position=7)
    group.refresh_from_db()
    assert (group.colour, group.position) == ("red", 7)
    with pytest.raises(Invalid):
        tags.edit(inside, row=group, colour="ultraviolet")


def test_c13_no_more_tags_than_wecom_takes(inside, group, monkeypatch):
    monkeypatch.setattr(tags, "MOST_TAGS", 4)
    tags.create_tag(inside, group=group, name="第四个")
    for attempt in (
        lambda: tags.create_tag(inside, group=group, name="第五个"),
        lambda: tags.create_tag_group(inside, name="新组", tags=["第五个"]),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "too_many_tags"
    assert rules.MOST_TAGS == 10_000


@pytest.mark.usefixtures("committed_db")
def test_c13_the_limit_holds_when_many_make_tags_at_once(monkeypatch):
    enterprise = factories.enterprise()
    monkeypatch.setattr(tags, "MOST_TAGS", 3)
    with tenant(enterprise.pk):
        made = tags.create_tag_group(factories.super_admin(enterprise), name="组")

    def work(number):
        with tenant(enterprise.pk):
            try:
                return tags.create_tag(factories.super_admin(enterprise), group=made, name=str(number)).name
            except Conflict as refused:
                return refused.code

    results = in_parallel([lambda number=number: work(number) for number in range(8)])
    assert results.count("too_many_tags") == 5
    with tenant(enterprise.pk):
        assert Tag.objects.count() == 3


def test_c13_no_more_tags_of_a_member_on_a_contact_than_wecom_takes(inside, group, monkeypatch):
    monkeypatch.setattr(tag_room, "MOST_TAGS_OF_A_FOLLOW", 2)
    contact = factories.contact(inside)
    tags.tag_contact(inside, contact=contact, add=[tag("高"), tag("中")])
    with pytest.raises(Conflict):
        tags.tag_contact(inside, contact=contact, add=[tag("低")])


# --- Whose they are -------------------------------------------------------------------------------------------


def test_c13_tags_are_shown_merged_with_whose_they_are(team):
    made = tags.create_tag_group(team.admin, name="意向", tags=["高", "中"])
    contact = factories.contact(team.actors.anna)
    add_contact(team.actors.bob, external_userid=contact.external_userid, name="x")
    tags.tag_contact(team.actors.anna, contact=contact, add=[tag("高")])
    tags.tag_contact(team.actors.bob, contact=contact, add=[tag("高"), tag("中")])
    worn = [(one.name, [member.name for member, _rule in one.by]) for one in worn_tags.of(contact)]
    assert worn == [("高", ["Anna", "Bob"]), ("中", ["Bob"])]
    assert made.colour == "secondary"


# --- Merging --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("committed_db")
def test_c13_merging_carries_everything_over_and_nothing_twice():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["高", "很高"])
        both, old, new = (factories.contact(actor, name=name) for name in ("both", "old", "new"))
        tags.tag_contact(actor, contact=both, add=[tag("高"), tag("很高")])
        tags.tag_contact(actor, contact=old, add=[tag("很高")])
        tags.tag_contact(actor, contact=new, add=[tag("高")])
        either = {"tag_any": [str(tag("高").pk), str(tag("很高").pk)], "grade": ["low"]}
        views.save_view(actor, name="either", filter=either)
        views.save_view(actor, name="gone", filter={"tag_none": [str(tag("很高").pk)]})
        views.save_view(actor, name="other", filter={"grade": ["low"]})
        kept = rule(actor, to="很高", grade=["low"], tag_none=[str(tag("很高").pk), str(tag("高").pk)])
        told = tag_merges.preview(actor, tag=tag("很高"), into=tag("高"))
        assert told == tag_merges.Preview(contacts=2, both=1, rules=[kept.name], views=2)
        run = tag_merges.start(actor, tag=tag("很高"), into=tag("高"))
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.result) == ("done", {"moved": 2})
    with tenant(enterprise.pk):
        assert [one.name for one in Tag.objects.all()] == ["高"]
        assert wearers() == {"both", "old", "new"} and FollowTag.objects.count() == 3
        kept.refresh_from_db()
        assert (kept.tag, kept.conditions["tag_none"]) == (tag("高"), [str(tag("高").pk)])
        into = [str(tag("高").pk)]
        assert dict(SavedView.objects.values_list("name", "filter")) == {
            "either": {"tag_any": into, "grade": ["low"]}, "gone": {"tag_none": into}, "other": {"grade": ["low"]},
        }  # fmt: skip


def test_c13_a_tag_is_not_merged_with_itself(inside, group):
    with pytest.raises(Invalid):
        tag_merges.start(inside, tag=tag(), into=tag())
    with pytest.raises(Invalid):
        tag_merges.preview(inside, tag=tag(), into=tag())


@pytest.mark.usefixtures("committed_db")
def test_c13_merging_the_same_tag_twice_at_once_happens_once():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["a", "b", "c"])
        contact = factories.contact(actor)
        tags.tag_contact(actor, contact=contact, add=[tag("a")])
        runs = [tag_merges.start(actor, tag=tag("a"), into=tag(into)) for into in ("b", "c")]
    ended = in_parallel([lambda run=run: execute_run(enterprise.pk, run.pk) for run in runs])
    assert sorted(one.state for one in ended) in (["done", "failed"], ["done", "done"])
    with tenant(enterprise.pk):
        assert FollowTag.objects.count() == 1
        assert sorted(one.name for one in Tag.objects.all()) == ["b", "c"]


@pytest.mark.usefixtures("committed_db")
def test_c13_who_is_tagged_while_the_tag_is_merged_wears_the_other_one():
    """The merge waits for the tagging under way, and takes it along."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["a", "b"])
        contact = factories.contact(actor, name="late")
        run = tag_merges.start(actor, tag=tag("a"), into=tag("b"))

    def merge():
        try:
            return execute_run(enterprise.pk, run.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk):
            tags.tag_contact(factories.super_admin(enterprise), contact=contact, add=[tag("a")])
            running = pool.submit(merge)
            factories.wait_for_blocked()
        assert (running.result().state, running.result().result) == ("done", {"moved": 1})
    with tenant(enterprise.pk):
        assert [one.name for one in Tag.objects.all()] == ["b"] and wearers("b") == {"late"}


# --- Dead tags ------------------------------------------------------------------------------------------------


def test_c13_dead_tags_are_those_that_nobody_wears_or_got_for_long(inside, group):
    contact = factories.contact(inside)
    tags.tag_contact(inside, contact=contact, add=[tag("高")])
    rule(inside, to="低", grade=["high"])
    with clock.at(clock.real()):
        found = {usage.tag.name: (usage.contacts, usage.dead) for usage in tag_usage.report(fresh=True).tags}
    assert found == {"高": (1, False), "中": (0, True), "低": (0, False)}
    with clock.at(clock.real() + timedelta(days=181)):
        assert {usage.tag.name for usage in tag_usage.report().dead} == {"高", "中"}


def test_c13_o5_the_report_is_for_those_who_see_everybody_and_of_one_enterprise(enterprise, other_enterprise):
    """The numbers are kept for an hour: not for another enterprise, nor for who sees but some of the contacts."""
    for one, contacts in ((enterprise, 2), (other_enterprise, 1)):
        with tenant(one.pk):
            admin = factories.super_admin(one)
            tags.create_tag_group(admin, name="意向", tags=["高"])
            for _number in range(contacts):
                tags.tag_contact(admin, contact=factories.contact(admin), add=[tag()])
    with tenant(enterprise.pk):
        graded = factories.member(role=GRADED_ADMIN, ranges=[Department.objects.create(name="北")])
    numbers = [
        [usage["contacts"] for usage in factories.api_client(one).get("/api/v1/tags/usage").json()["results"]]
        for one in (enterprise, other_enterprise, enterprise)
    ]
    assert numbers == [[2], [1], [2]]
    refused = factories.api_client(enterprise, graded).get("/api/v1/tags/usage")
    assert (refused.status_code, refused.json()["code"]) == (403, "whole_enterprise_only")


def test_c13_a_tag_that_a_rule_uses_is_not_deleted(inside, group):
    rule(inside, to="高", tag_none=[str(tag("中").pk)])
    for name in ("高", "中"):
        with pytest.raises(Conflict) as refused:
            tags.delete(inside, row=tag(name))
        assert (refused.value.code, refused.value.extra["rules"]) == ("tag_in_use", ["规则"])
    assert tags.delete(inside, row=tag("低")) == 0


# --- Rules ----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(inside, group):
    """Rich and poor, known for long and short; one archived, one lost, one nobody's friend."""
    made = {name: factories.contact(inside, name=name, added_at=NOON - timedelta(days=99)) for name in ("rich", "poor")}
    made["fresh"] = factories.contact(inside, name="fresh", added_at=NOON - timedelta(days=1))
    made["kept"] = archive_contact(inside, contact=factories.contact(inside, name="kept"))
    made["gone"] = factories.contact(inside, name="gone")
    Contact.objects.filter(name="gone").update(status=Status.LOST)
    Contact.objects.filter(name__in=["rich", "kept", "gone"]).update(grade="high", spend_365d=9000)
    return made


def test_c13_a_rule_tags_whoever_answers_it_once(inside, people):
    made = rule(inside, grade=["high"])
    assert apply_all(inside) == (2, 0)
    assert wearers() == {"rich", "kept"}  # lost ones are left alone
    assert set(FollowTag.objects.values_list("rule", flat=True)) == {made.pk}
    assert apply_all(inside) == (0, 0)


def test_c13_a_rule_tags_the_relation_of_the_owner_and_says_nothing_of_who_is_lost(team, people):
    """The owner's, though others are friends for longer; whose contact is nobody's, the oldest one's."""
    anna, bob = team.actors.anna, team.actors.bob
    owned = factories.contact(anna, name="owned", added_at=NOON - timedelta(days=30))
    add_contact(bob, external_userid=owned.external_userid, name="x")
    Contact.objects.filter(pk=owned.pk).update(owner=team.bob, grade="high")
    made = rule(team.admin, grade=["high"])
    assert apply_all(team.admin) == (3, 0)
    assert FollowTag.objects.get(contact=owned).follow.member == team.bob
    said = {name: tag_rules.explain(team.admin, Contact.objects.get(name=name)) for name in ("owned", "gone", "poor")}
    assert {name: verdict.answers for name, [verdict] in said.items()} == {"owned": True, "gone": False, "poor": False}
    FollowTag.objects.all().delete()
    Contact.objects.filter(pk=owned.pk).update(owner=None)
    tag_rules.apply(team.admin, rule=made)
    assert FollowTag.objects.get(contact=owned).follow.member == team.anna


def test_c13_a_rule_in_time_and_money(inside, people):
    rule(inside, "a", known_days=30, spend_below=5000)
    rule(inside, "b", to="中", silent_days=30, spend_from=5000)
    apply_all(inside)
    assert (wearers("高"), wearers("中")) == ({"poor"}, {"rich"})


def test_c13_a_rule_takes_a_tag_off_every_follow(inside, people):
    tags.tag_contact(inside, contact=people["rich"], add=[tag()])
    tags.tag_contact(inside, contact=people["poor"], add=[tag()])
    rule(inside, effect="untag", grade=["high"])
    assert apply_all(inside) == (0, 1)
    assert wearers() == {"poor"}


def test_c13_a_rule_that_keeps_takes_off_only_what_it_put_on(inside, people):
    tags.tag_contact(inside, contact=people["poor"], add=[tag()])
    rule(inside, effect="keep", grade=["high"])
    apply_all(inside)
    assert wearers() == {"rich", "kept", "poor"}
    Contact.objects.filter(name="rich").update(grade="low")
    assert apply_all(inside) == (0, 1)
    assert wearers() == {"kept", "poor"}


def test_c13_who_has_no_relation_has_no_tag(inside, people):
    people["rich"].follows.update(state="deleted_by_contact")
    rule(inside, grade=["high"])
    apply_all(inside)
    assert wearers() == {"kept"}


def test_c13_the_first_of_two_opposed_rules_decides_and_nights_are_stable(inside, people):
    first = rule(inside, "先", effect="untag", known_days=30)
    second = rule(inside, "后", effect="tag", grade=["high"])
    tags.tag_contact(inside, contact=people["rich"], add=[tag()])
    assert apply_all(inside) == (1, 1)
    assert wearers() == {"kept"}
    assert apply_all(inside) == (0, 0)
    (finding,) = tag_rules.conflicts(inside)
    assert (finding.trouble, finding.rule, finding.other) == ("opposed", first, second)
    assert (finding.contacts.value, finding.contacts.exact) == (1, True)
    verdicts = {
        one.rule.name: (one.answers, one.decided_by, one.speaks) for one in tag_rules.explain(inside, people["rich"])
    }
    assert verdicts == {"先": (True, None, True), "后": (True, first, False)}


def test_c13_rules_that_wait_for_each_other_are_found(inside, group):
    high, middle, low = (str(tag(name).pk) for name in ("高", "中", "低"))
    a = rule(inside, "a", to="高", tag_any=[middle])
    b = rule(inside, "b", to="中", tag_none=[high])
    c = rule(inside, "c", to="低", grade=["high"])
    d = rule(inside, "d", to="高", tag_all=[low])
    found = {(one.trouble.value, one.rule.name, one.other.name) for one in tag_rules.conflicts(inside)}
    assert found == {("circle", a.name, b.name), ("late", b.name, d.name)}
    assert c.position < d.position


def test_c13_a_rule_is_tried_without_writing(inside, people):
    tried = TagRule(conditions={"grade": ["high"]}, effect="tag", tag=tag(), position=9)
    trial = tag_rules.try_out(inside, rule=tried)
    assert (trial.matching.value, trial.changes.value, trial.removes.value) == (2, 2, 0)
    assert {contact.name for contact in trial.contacts} == {"rich", "kept"}
    assert not FollowTag.objects.exists() and not TagRule.objects.exists()
    kept = rule(inside, effect="keep", grade=["high"])
    apply_all(inside)
    kept.conditions = {"grade": ["low"]}
    trial = tag_rules.try_out(inside, rule=kept)
    assert (trial.matching.value, trial.changes.value, trial.removes.value) == (2, 2, 2)


@pytest.mark.parametrize(
    ("conditions", "field"),
    [({}, "conditions"), ({"grade": "gold"}, "grade"), ({"nonsense": 1}, "nonsense"), ({"owner": "me"}, "conditions")],
)
def test_c13_conditions_that_make_no_sense_are_refused(conditions, field, inside, group):
    with pytest.raises(Invalid) as refused:
        rule(inside, **conditions)
    assert list(refused.value.errors) == [field]
    assert not TagRule.objects.exists()


def test_c13_o5_rules_are_for_those_who_see_every_contact(team):
    tags.create_tag_group(team.admin, name="意向", tags=["高"])
    for name in ("graded", "anna"):
        with pytest.raises(Forbidden):
            rule(getattr(team.actors, name), grade=["high"])


@pytest.mark.usefixtures("committed_db")
def test_c13_there_are_no_more_rules_than_can_be_kept_in_mind_however_many_are_made_at_once(monkeypatch):
    monkeypatch.setattr(tag_rules, "MOST_RULES", 3)
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        tags.create_tag_group(factories.super_admin(enterprise), name="意向", tags=["高"])

    def work(number):
        def make():
            try:
                with tenant(enterprise.pk):
                    rule(factories.super_admin(enterprise), name=f"r{number}", grade=["high"])
            except Conflict as refused:
                return refused.code
            return "made"

        return make

    assert sorted(in_parallel([work(number) for number in range(6)])) == ["made"] * 3 + ["too_many_rules"] * 3
    with tenant(enterprise.pk):
        assert sorted(TagRule.objects.values_list("position", flat=True)) == [1, 2, 3]


def test_c13_deleting_a_rule_leaves_its_tags_or_takes_them_off(inside, people):
    one = rule(inside, "a", grade=["high"])
    other = rule(inside, "b", to="中", grade=["high"])
    apply_all(inside)
    assert tag_rules.delete(inside, rule=one) == 0
    assert tag_rules.delete(inside, rule=other, take_off=True) == 2
    assert (wearers("高"), wearers("中")) == ({"rich", "kept"}, set())
    assert set(FollowTag.objects.values_list("rule", flat=True)) == {None}


def test_c13_large_rules_go_step_by_step(inside, people, monkeypatch):
    monkeypatch.setattr(tag_rules, "STEP", 1)
    rule(inside, grade=["high"])
    assert apply_all(inside) == (2, 0)


@pytest.mark.usefixtures("committed_db")
def test_c13_x6_the_nightly_job_applies_active_rules_twice_without_harm():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["高"])
        factories.contact(actor, name="x")
        rule(actor, "on", grade=["low"])
        rule(actor, "off", active=False, effect="untag", grade=["low"])
        runs = [jobs.enqueue(actor, name="contacts.tag_rules") for _number in range(4)]
    ended = in_parallel([lambda run=run: execute_run(enterprise.pk, run.pk) for run in runs])
    assert {run.state for run in ended} == {"done"}
    assert sum(run.result["put"] for run in ended) == 1
    with tenant(enterprise.pk):
        assert wearers() == {"x"} and FollowTag.objects.count() == 1


@pytest.mark.parametrize("number", [1, 3])
def test_c13_explaining_a_contact_takes_two_queries_whatever_the_rules(number, inside, people):
    for n in range(number):
        rule(inside, str(n), grade=["high"])
    with CaptureQueriesContext(connection) as queries:
        assert len(tag_rules.explain(inside, people["rich"])) == number
    assert len(queries) == 2


# --- API and console ------------------------------------------------------------------------------------------


def test_c13_x1_rules_and_merging_by_the_api(api, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["高", "中"])
        contact = factories.contact(actor)
        high, middle = str(tag("高").pk), str(tag("中").pk)
    body = {"name": "低价值", "conditions": {"grade": ["low"]}, "effect": "keep", "tag": high, "active": True}
    trial = api.post("/api/v1/tag-rules/trial", body, "application/json").json()
    assert trial["changes"] == {"value": 1, "exact": True} and trial["contacts"][0]["id"] == str(contact.pk)
    assert trial["history"] is None
    asked = {**body, "conditions": {"grade": ["low"], "kind": ["wechat"]}, "past_days": 30}
    history = api.post("/api/v1/tag-rules/trial", asked, "application/json").json()["history"]
    assert (history["days"], history["asked"], history["as_today"], history["put"]) == (30, ["grade"], ["kind"], 0)
    assert api.post("/api/v1/tag-rules/trial", {**asked, "past_days": 91}, "application/json").status_code == 400
    made = api.post("/api/v1/tag-rules", body, "application/json").json()
    assert api.post("/api/v1/tag-rules", body, "application/json").json()["code"] == "name_taken"
    run = api.post(f"/api/v1/tag-rules/{made['id']}/apply", {}, "application/json")
    assert run.status_code == 202
    with tenant(enterprise.pk):
        tag_rules.apply(factories.super_admin(enterprise), rule=TagRule.objects.select_related("tag").get())
    explained = api.get(f"/api/v1/contacts/{contact.pk}/tags/explained").json()
    assert explained["tags"][0]["by"][0]["rule"]["name"] == "低价值"
    assert explained["rules"][0]["answers"] is True
    assert api.get("/api/v1/tag-rules/conflicts").json() == {"results": []}
    assert api.get("/api/v1/tags/usage?fresh=1").json()["results"][-1]["contacts"] == 1
    changed = api.put(f"/api/v1/tag-rules/{made['id']}", {**body, "active": False}, "application/json")
    assert changed.json()["active"] is False
    assert api.post(f"/api/v1/tags/{middle}/merge", {"into": high}, "application/json").status_code == 202
    mistyped = api.delete(f"/api/v1/tag-rules/{made['id']}?takeoff=true")
    assert (mistyped.status_code, mistyped.json()["code"]) == (400, "unknown_filter")
    assert api.get(f"/api/v1/tag-rules/{made['id']}").status_code == 200
    assert api.delete(f"/api/v1/tag-rules/{made['id']}?take_off=true").status_code == 204
    with tenant(enterprise.pk):
        assert not FollowTag.objects.exists()


def test_c13_the_console_tries_saves_and_shows(browser, enterprise):
    base = f"/e/{enterprise.code}/tags"
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        tags.create_tag_group(actor, name="意向", tags=["高"], colour="red")
        contact = factories.contact(actor, name="王小明")
        high = str(tag().pk)
    form = {"name": "低价值", "effect": "tag", "tag": high, "active": "on", "grade": ["low"], "silent_days": ""}
    tried = browser.post(f"{base}/rules/new/", {**form, "action": "try"}).content.decode()
    assert "What it would do now" in tried and "王小明" in tried
    asked = {**form, "source": "x", "past": "90", "action": "try"}
    tried = browser.post(f"{base}/rules/new/", asked).content.decode()
    assert "What it would have done in the last 90 days" in tried
    assert "Asked of each night: Grade." in tried
    assert "Known only as it is today, and asked of today: Source." in tried
    with tenant(enterprise.pk):
        assert not TagRule.objects.exists()
    assert browser.post(f"{base}/rules/new/", {**form, "action": "save"}).status_code == 302
    assert browser.post(f"{base}/rules/new/", {**form, "action": "save"}).status_code == 409
    assert browser.post(f"{base}/rules/new/", {**form, "name": "y", "grade": []}).status_code == 400
    with tenant(enterprise.pk):
        made = TagRule.objects.get()
        assert made.conditions == {"grade": ["low"]} and made.effect == TagEffect.TAG
        tag_rules.apply(factories.super_admin(enterprise), rule=made)
    assert "低价值" in browser.get(f"{base}/rules/").content.decode()
    assert browser.get(f"{base}/rules/{made.pk}/").status_code == 200
    assert "高" in browser.get(f"{base}/report/").content.decode()
    assert "低效" in browser.get(f"{base}/").content.decode()
    page = browser.get(f"/e/{enterprise.code}/contacts/{contact.pk}/tag-rules/").content.decode()
    assert "by the rule “低价值”" in page and "tone-red" in page
    applied = browser.post(f"{base}/rules/{made.pk}/", {"action": "apply"})
    assert "/jobs/" in applied["Location"]
    assert browser.post(f"{base}/rules/{made.pk}/", {"action": "delete"}).status_code == 302
    with tenant(enterprise.pk):
        group_row = TagGroup.objects.get(name="意向")
        assert JobRun.objects.filter(name="contacts.apply_tag_rule").count() == 1
    browser.post(f"{base}/group/{group_row.pk}/", {"name": "新意向", "colour": "green", "position": "3"})
    with tenant(enterprise.pk):
        group_row.refresh_from_db()
        assert (group_row.name, group_row.colour, group_row.position) == ("新意向", "green", 3)
