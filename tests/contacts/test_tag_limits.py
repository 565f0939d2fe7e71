"""C13: a member puts no more tags on a contact than WeCom takes, whichever way: by hand, bulk work and its undo, rules,
files, merges and hand-overs, and however many at once."""

from functools import partial
from types import SimpleNamespace

import pytest

from common.errors import Conflict
from common.sql import execute
from common.tenancy import tenant
from contacts.models import Contact, ContactMerge, Follow, FollowTag, Tag, TagGroup, TagRule
from contacts.rules import MOST_TAGS_OF_A_FOLLOW
from contacts.services import bulk, merges, tag_rules, tags
from contacts.services.relations import add_follow
from tests import factories
from tests.contacts.bulk import do, report, undo
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture
from tests.parallel import in_parallel, meet

MOST = MOST_TAGS_OF_A_FOLLOW


@pytest.fixture
def crowded(enterprise):
    return crowd(enterprise)


@pytest.fixture
def committed(committed_db):
    """The same, committed."""
    enterprise = factories.enterprise()
    return SimpleNamespace(enterprise=enterprise, **vars(crowd(enterprise)))


def crowd(enterprise):
    """As many tags as WeCom takes on one contact, and two more; contacts that wear all of the first, all but one,
    and none."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        group = tags.create_tag_group(admin, name="新", tags=["一", "二"])
        old = TagGroup.objects.create(name="旧")
        Tag.objects.bulk_create(Tag(group=old, name=f"t{number}", position=number) for number in range(MOST))
        made = {name: factories.contact(admin, name=name, external_userid=name) for name in ("full", "nearly", "free")}
        for name, number in (("full", MOST), ("nearly", MOST - 1)):
            execute(
                """
                INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id)
                SELECT uuid7(), follow.enterprise_id, follow.id, follow.contact_id, tag.id
                FROM contacts_follow AS follow JOIN contacts_tag AS tag ON tag.enterprise_id = follow.enterprise_id
                WHERE follow.contact_id = %(contact)s AND tag.group_id = %(group)s AND tag.position < %(number)s
                """,
                {"contact": made[name].pk, "group": old.pk, "number": number},
            )
        one, two = group.tags.order_by("position")
    return SimpleNamespace(admin=admin, one=one, two=two, **made)


def worn():
    """How many tags each contact wears."""
    return {contact.name: FollowTag.objects.filter(contact=contact).count() for contact in Contact.objects.all()}


def test_c13_bulk_work_previews_and_refuses_what_wecom_does_not_take(enterprise, crowded):
    both = {"tags": [str(crowded.one.pk), str(crowded.two.pk)]}
    with tenant(enterprise.pk):
        seen = bulk.preview(crowded.admin, action="tag", filter={}, params=both)
        assert (seen.affected, seen.excluded) == (1, {"too_many_tags": 2})
    run = do(enterprise, "tag", filter={}, params=both)
    assert run.result == {"total": 3, "done": 1, "skipped": 0, "refused": 2, "reasons": {"too_many_tags": 2}}
    with tenant(enterprise.pk):
        assert worn() == {"full": MOST, "nearly": MOST - 1, "free": 2}
    run = do(enterprise, "tag", filter={}, params={"tags": [str(crowded.one.pk)]})
    assert run.result["reasons"] == {"too_many_tags": 1, "already_tagged": 1}
    with tenant(enterprise.pk):
        assert worn() == {"full": MOST, "nearly": MOST, "free": 2}


def test_c13_a_tag_worn_already_takes_no_more_room(enterprise, crowded):
    with tenant(enterprise.pk):
        old = [str(pk) for pk in Tag.objects.filter(name__in=["t0", "t2999"]).values_list("pk", flat=True)]
        seen = bulk.preview(crowded.admin, action="tag", filter={}, params={"tags": old})
        assert (seen.affected, seen.excluded) == (2, {"already_tagged": 1})  # the last one of its 3 000


def test_c13_a_rule_says_whom_it_cannot_tag_and_leaves_them(enterprise, crowded):
    with tenant(enterprise.pk):
        given = {"conditions": {"grade": ["low"]}, "effect": "tag", "tag": crowded.one}
        trial = tag_rules.try_out(crowded.admin, rule=TagRule(position=9, **given))
        assert (trial.matching.value, trial.changes.value, trial.refused.value) == (3, 2, 1)
        assert {contact.name for contact in trial.contacts} == {"nearly", "free"}
        made = tag_rules.save(crowded.admin, name="规则", active=True, **given)
        assert tag_rules.apply(crowded.admin, rule=made) == (2, 0)
        assert tag_rules.apply(crowded.admin, rule=made) == (0, 0)
        assert worn() == {"full": MOST, "nearly": MOST, "free": 1}
        taking = TagRule(position=9, **{**given, "effect": "untag"})
        assert tag_rules.try_out(crowded.admin, rule=taking).refused.value == 0


def test_c13_a_file_is_refused_line_by_line_where_tags_would_be_too_many(enterprise, crowded, run_import):  # noqa: F811
    file = as_csv(("external_userid", "name", "tags"), *((name, name, "一;t0") for name in ("full", "nearly", "free")))
    run = run_import(file, on_full="partial")
    assert (run.result["refused"], run.result["refusals"]) == (1, {"too_many_tags": 1})
    with tenant(enterprise.pk):
        assert worn() == {"full": MOST, "nearly": MOST, "free": 2}


def test_c13_undoing_an_untag_leaves_out_who_has_no_room_any_more(enterprise, crowded):
    with tenant(enterprise.pk):
        old = [str(pk) for pk in Tag.objects.filter(name__in=["t0", "t1"]).values_list("pk", flat=True)]
        ids = [crowded.full.pk, crowded.nearly.pk]
    run = do(enterprise, "untag", ids=ids, params={"tags": old})
    with tenant(enterprise.pk):
        assert worn() == {"full": MOST - 2, "nearly": MOST - 3, "free": 0}
        for contact in (crowded.full, crowded.nearly):
            tags.tag_contact(crowded.admin, contact=contact, add=[crowded.one])
    taken_back = undo(enterprise, run)
    assert taken_back.result["reasons"] == {"too_many_tags": 1}
    assert (taken_back.result["done"], taken_back.result["refused"]) == (1, 1)
    assert [line[4] for line in report(taken_back)] == ["too_many_tags"]
    with tenant(enterprise.pk):
        assert worn() == {"full": MOST - 1, "nearly": MOST, "free": 0}, "all of its tags, or none"


def test_c13_contacts_are_not_merged_where_a_relation_to_both_would_wear_too_many(enterprise, crowded):
    with tenant(enterprise.pk):
        tags.tag_contact(crowded.admin, contact=crowded.free, add=[crowded.one])
        for act in (merges.preview, merges.merge):
            with pytest.raises(Conflict) as refused:
                act(crowded.admin, contact=crowded.full, gone=crowded.free)
            assert (refused.value.code, refused.value.extra["limit"]) == ("too_many_tags", MOST)
        assert worn() == {"full": MOST, "nearly": MOST - 1, "free": 1} and not ContactMerge.objects.exists()
        assert Contact.objects.filter(merged_into=None).count() == 3
        made = merges.merge(crowded.admin, contact=crowded.nearly, gone=crowded.free)
        assert worn()["nearly"] == MOST
        merges.undo(crowded.admin, merge=made)
        assert worn() == {"full": MOST, "nearly": MOST - 1, "free": 1}


def test_c13_merging_counts_what_both_wear_once_and_each_relation_by_itself(enterprise, crowded):
    with tenant(enterprise.pk):
        other = factories.actor(enterprise, factories.member("Anna"))
        add_follow(other, contact=crowded.free, member=other.member)
        tags.tag_contact(other, contact=crowded.free, add=[crowded.one])  # goes over with Anna's relation
        tags.tag_contact(crowded.admin, contact=crowded.free, add=[Tag.objects.get(name="t7")])  # is worn already
        merges.merge(crowded.admin, contact=crowded.full, gone=crowded.free)
        counted = {
            follow.member.name: follow.taggings.count() for follow in Follow.objects.filter(contact=crowded.full)
        }
        assert sorted(counted.values()) == [1, MOST] and counted["Anna"] == 1


# --- At once --------------------------------------------------------------------------------------------------


def by_rule(scene, rule, *, with_others=False):
    """Apply it; `with_others`: nothing is committed before all have come so far."""
    with tenant(scene.enterprise.pk):
        tag_rules.apply(factories.super_admin(scene.enterprise), rule=rule)
        if with_others:
            meet()


def by_hand(scene, tag):
    with tenant(scene.enterprise.pk):
        try:
            tags.tag_contact(factories.super_admin(scene.enterprise), contact=scene.nearly, add=[tag])
        except Conflict as refused:
            assert refused.code == "too_many_tags"


def by_merge(scene):
    with tenant(scene.enterprise.pk):
        try:
            merges.merge(factories.super_admin(scene.enterprise), contact=scene.nearly, gone=scene.free)
        except Conflict as refused:
            assert refused.code == "too_many_tags"


def rules(scene):
    """Two rules that tag everybody, one with each of the new tags."""
    with tenant(scene.enterprise.pk):
        actor = factories.super_admin(scene.enterprise)
        given = {"conditions": {"grade": ["low"]}, "effect": "tag"}
        return [tag_rules.save(actor, name=tag.name, tag=tag, **given) for tag in (scene.one, scene.two)]


def on_nearly(scene):
    with tenant(scene.enterprise.pk):
        return FollowTag.objects.filter(contact=scene.nearly).count()


def test_c13_rules_hands_and_a_merge_at_once_find_the_one_tag_that_is_left(committed):
    with tenant(committed.enterprise.pk):
        admin = factories.super_admin(committed.enterprise)
        group = TagGroup.objects.get(name="新")
        more = [tags.create_tag(admin, group=group, name=name) for name in "三四五"]
        tags.tag_contact(admin, contact=committed.free, add=[more[0]])
    hands = [partial(by_hand, committed, tag) for tag in more[1:]]
    applied = [partial(by_rule, committed, rule) for rule in rules(committed)]
    in_parallel([*applied, *hands, partial(by_merge, committed)])
    assert on_nearly(committed) == MOST


def test_c13_negative_control_rules_that_count_without_a_lock_put_on_too_many(committed, monkeypatch):
    """What the test above would find if a rule did not wait for others: it can fail."""
    monkeypatch.setattr(tag_rules, "lock_all", lambda contacts: None)
    in_parallel([partial(by_rule, committed, rule, with_others=True) for rule in rules(committed)])
    assert on_nearly(committed) == MOST + 1
