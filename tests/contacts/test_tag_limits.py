"""C13: a member puts no more tags on a contact than WeCom takes, also by bulk work, rules and files."""

from types import SimpleNamespace

import pytest

from common.sql import execute
from common.tenancy import tenant
from contacts.models import Contact, FollowTag, Tag, TagGroup, TagRule
from contacts.rules import MOST_TAGS_OF_A_FOLLOW
from contacts.services import bulk, tag_rules, tags
from tests import factories
from tests.contacts.bulk import do
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
MOST = MOST_TAGS_OF_A_FOLLOW


@pytest.fixture
def crowded(enterprise):
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
