"""Pages of tags (C13): what is refused keeps its input, and what cannot be undone asks with its numbers."""

import pytest

from common.tenancy import tenant
from contacts.models import FollowTag, Tag, TagGroup
from contacts.services import tag_rules, tags, views
from jobs.models import JobRun
from tests import factories
from tests.console.test_frame import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(enterprise):
    """An admin's browser, and an enterprise with the tags 高 and 很高; 很高 on two contacts, one of them wears both."""
    client, _member = person(enterprise)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        group = tags.create_tag_group(actor, name="意向", tags=["高", "很高"], colour="red")
        high, higher = (group.tags.get(name=name) for name in ("高", "很高"))
        for worn in ([high, higher], [higher]):
            tags.tag_contact(actor, contact=factories.contact(actor), add=worn)
        tag_rules.save(actor, name="花得多", effect="tag", tag=higher, conditions={"grade": ["high"]}, active=False)
        views.save_view(actor, name="很高的", filter={"tag_any": [str(higher.pk)]})
    return client, f"/e/{enterprise.code}/tags/", group, high, higher


def names(enterprise) -> list[str]:
    with tenant(enterprise.pk):
        return sorted(Tag.objects.values_list("name", flat=True))


def test_c13_a_merge_of_tags_is_told_in_numbers_and_asks_for_them(shop, enterprise):
    client, base, _group, high, higher = shop
    report = f"{base}report/"
    shown = client.get(report, {"tag": higher.pk, "into": high.pk}).content.decode()
    for number in ("<b>2</b>", "<b>1</b>", "花得多", 'data-must-be="2"'):
        assert number in shown
    for wrong in ("", "3", "two"):
        asked = {"action": "merge", "tag": higher.pk, "into": high.pk, "count": wrong}
        assert client.post(report, asked).status_code == 400
    with tenant(enterprise.pk):
        assert not JobRun.objects.filter(name="contacts.merge_tags").exists()
    done = client.post(report, {"action": "merge", "tag": higher.pk, "into": high.pk, "count": " 2 "})
    assert done.status_code == 302 and "/jobs/" in done["Location"]


def test_c13_a_tag_is_not_merged_with_itself_nor_with_one_that_is_not_there(shop, other_enterprise):
    client, base, _group, high, _higher = shop
    with tenant(other_enterprise.pk):
        foreign = tags.create_tag_group(factories.super_admin(other_enterprise), name="意向", tags=["高"]).tags.get()
    for into in (high.pk, foreign.pk, "x", ""):
        answer = client.get(f"{base}report/", {"tag": high.pk, "into": into})
        assert answer.status_code == 400 and "is-invalid" in answer.content.decode()


def test_c13_deleting_a_tag_asks_for_the_number_of_contacts(shop, enterprise):
    client, base, group, high, _higher = shop
    page = f"{base}tag/{high.pk}/"
    assert 'data-must-be="1"' in client.get(page).content.decode()
    assert client.post(page, {"action": "delete", "confirm": "2"})["Location"] == page
    assert names(enterprise) == ["很高", "高"]
    assert client.post(page, {"action": "delete", "confirm": "1"})["Location"] == base
    assert names(enterprise) == ["很高"]
    with tenant(enterprise.pk):
        assert FollowTag.objects.count() == 2
        empty = tags.create_tag(factories.super_admin(enterprise), group=group, name="无人")
    assert client.post(f"{base}tag/{empty.pk}/", {"action": "delete"})["Location"] == base


def test_c13_what_is_refused_about_a_tag_stands_at_its_field_with_what_was_written(shop, enterprise):
    client, base, group, high, _higher = shop
    taken = client.post(f"{base}tag/{high.pk}/", {"name": "很高", "position": "7"})
    text = taken.content.decode()
    assert taken.status_code == 409 and 'value="很高"' in text and 'value="7"' in text
    long = client.post(f"{base}group/{group.pk}/", {"action": "add", "name": "长" * 31})
    assert long.status_code == 400 and "长" * 31 in long.content.decode()
    negative = client.post(f"{base}tag/{high.pk}/", {"name": "高", "position": "-1"})
    assert negative.status_code == 400 and "is-invalid" in negative.content.decode()
    assert names(enterprise) == ["很高", "高"]
    added = client.post(f"{base}group/{group.pk}/", {"action": "add", "name": "最高"}, follow=True)
    assert "最高" in added.content.decode() and names(enterprise) == ["很高", "最高", "高"]
    client.post(f"{base}group/{group.pk}/", {"name": "意愿", "position": "3", "colour": "blue"})
    with tenant(enterprise.pk):
        assert list(TagGroup.objects.values_list("name", "position", "colour")) == [("意愿", 3, "blue")]
