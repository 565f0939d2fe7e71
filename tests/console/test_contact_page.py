"""The page of one contact and the list's manners: tabs, reasons, questions before what cannot be undone."""

import io
from datetime import timedelta

import pytest
from django.test import Client

from common import pinyin
from common.tenancy import tenant
from contacts.files.columns import COLUMNS, ImportKind, guess
from contacts.files.readers import open_table
from contacts.models import Follow
from contacts.services import tags, views
from contacts.services.contacts import set_grade
from contacts.services.history import record_interaction
from contacts.services.relations import add_follow
from tests import factories
from tests.console.test_frame import person
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.services import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(enterprise):
    """An admin's browser and a contact of theirs, with the base of the addresses."""
    client, member = person(enterprise)
    client.cookies["language"] = "en"
    with tenant(enterprise.pk):
        actor = factories.acting(enterprise, member)
        contact = factories.contact(actor, name="王小明")
    return client, actor, contact, f"/e/{enterprise.code}/"


def shown(client, url: str, **query) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_conversation_is_the_timeline_of_what_was_said(shop, enterprise, monkeypatch):
    client, actor, contact, base = shop
    monkeypatch.setattr("console.contact_page.EVENTS", 2)
    with tenant(enterprise.pk):
        for hour, kind in enumerate(("message_in", "material_click", "message_out", "call")):
            at = factories.NOON.replace(year=2025) + timedelta(hours=hour)
            record_interaction(actor, contact=contact, kind=kind, at=at)
    page = shown(client, f"{base}contacts/{contact.pk}/conversation/")
    assert page.count('class="event is-') == 2 and 'name="kind"' not in page
    more = page.split('hx-trigger="revealed"')[0].rsplit('hx-get="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "/conversation/?" in more
    rest = client.get(more, headers={"HX-Request": "true"}).content.decode()
    assert rest.count('class="event is-') == 1


def test_c9_the_grade_says_its_reason(shop, enterprise):
    client, actor, contact, base = shop
    assert "Spent less than ¥1,000.00 in 365 days." in shown(client, f"{base}contacts/{contact.pk}/")
    with tenant(enterprise.pk):
        set_grade(actor, contact=contact, grade="high")
    assert "Set by hand" in shown(client, f"{base}contacts/{contact.pk}/")


def test_u5_spaces_are_a_tab_and_a_filter_for_those_who_know_of_them(shop, enterprise):
    client, actor, contact, base = shop
    page = f"{base}contacts/{contact.pk}/spaces/"
    assert "In no space that you can see." in shown(client, page)
    assert 'name="space"' not in shown(client, f"{base}contacts/")
    with tenant(enterprise.pk):
        space = make_space(actor, "华东经销商")
        people.link_customer(actor, seat=make_person(actor, make_partner(actor, space)), contact=contact)
        factories.contact(actor, name="外人")
        staff = factories.member(user=factories.user())
        add_follow(factories.acting(enterprise, staff), contact=contact)
    assert f'<a href="{base}spaces/{space.pk}/">华东经销商</a>' in shown(client, page)
    listed = shown(client, f"{base}contacts/", space=space.pk)
    assert f'<option value="{space.pk}" selected>华东经销商</option>' in listed
    assert "王小明" in listed and "外人" not in listed
    other = Client()
    other.force_login(staff.user)
    assert "华东经销商" not in shown(other, page) and "华东经销商" not in shown(other, f"{base}contacts/")


def test_c4_ending_a_relation_asks_and_says_when_the_contact_is_lost_by_it(shop, enterprise):
    client, _actor, contact, base = shop
    page = f"{base}contacts/{contact.pk}/followers/"
    assert "It is the last one" in shown(client, page)
    with tenant(enterprise.pk):
        add_follow(factories.acting(enterprise, factories.member()), contact=contact)
    text = shown(client, page)
    assert "It is the last one" not in text and text.count('<dialog class="dialog" id="end-') == 2
    with tenant(enterprise.pk):
        assert Follow.objects.filter(state=Follow.State.ACTIVE).count() == 2


def test_the_export_of_a_filter_says_how_many_it_finds(shop, enterprise):
    client, actor, _contact, base = shop
    with tenant(enterprise.pk):
        factories.contact(actor, name="李雷", kind="wecom")
    assert "Export all contacts" in shown(client, f"{base}exports/")
    page = shown(client, f"{base}exports/", kind="wecom")
    assert "Export the contacts that the filter finds" in page and "1 in all" in page
    assert f"{base}contacts/?kind=wecom" in page
    assert client.get(f"{base}exports/?kind=nobody").status_code == 400


def test_tags_in_the_list_have_their_groups_colour_and_stand_by_name(shop, enterprise):
    client, actor, contact, base = shop
    with tenant(enterprise.pk):
        group = tags.create_tag_group(actor, name="意向", tags=["b", "<a>"], colour="red")
        tags.tag_contact(actor, contact=contact, add=list(group.tags.all()))
    page = shown(client, f"{base}contacts/")
    assert '<span class="badge tone tone-red">&lt;a&gt;</span> <span class="badge tone tone-red">b</span>' in page


def test_a_page_behind_the_end_leads_to_the_first(shop):
    client, _actor, _contact, base = shop
    page = shown(client, f"{base}contacts/", page=3, status="active")
    assert "The list does not go so far any more" in page and 'href="?status=active"' in page


def test_names_are_sorted_as_they_are_read():
    names = ["张伟", "阿木", "Bob", "李雷", "amy", "王芳", "阿宝"]
    assert sorted(names, key=pinyin.order) == ["阿宝", "amy", "阿木", "Bob", "李雷", "王芳", "张伟"]


def test_where_a_relation_came_from_stands_in_words(shop, enterprise):
    client, _actor, contact, base = shop
    with tenant(enterprise.pk):
        add_follow(factories.acting(enterprise, factories.member()), contact=contact, source="scan_qr")
    assert "QR code" in shown(client, f"{base}contacts/{contact.pk}/timeline/?kind=added")
    assert '<option value="scan_qr" label="QR code">' in shown(client, f"{base}contacts/")


def test_choosing_no_tag_is_told_and_what_was_asked_of_losses_is_kept(shop):
    client, _actor, _contact, base = shop
    asked = shown(client, f"{base}contacts/bulk/tag/", filter="status=active", asked="1")
    assert "This field is required." in asked
    assert "This field is required." not in shown(client, f"{base}contacts/bulk/tag/", filter="status=active")
    wrong = client.get(f"{base}losses/", {"from": "2026-02-30", "to": "2026-01-01"})
    assert wrong.status_code == 400 and 'value="2026-02-30"' in wrong.content.decode()


def test_deleting_a_shared_view_says_that_it_vanishes_for_everybody(shop, enterprise):
    client, actor, _contact, base = shop
    with tenant(enterprise.pk):
        views.save_view(actor, name="低价值", filter={"grade": ["low"]}, shared=True)
    assert "vanishes for everybody" in shown(client, f"{base}contacts/", grade="low")
    assert "vanishes for everybody" not in shown(client, f"{base}contacts/")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("kind", list(ImportKind))
def test_c12_a_template_has_the_columns_that_an_import_understands(shop, kind, language):
    client, _actor, _contact, base = shop
    client.cookies["language"] = language
    url = f"{base}imports/templates/{kind.value}/"
    assert f'href="{url}"' in shown(client, f"{base}imports/")
    answer = client.get(url)
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    with open_table(io.BytesIO(answer.content), "template.xlsx") as table:
        found = guess(table.header, kind)
    assert found == {column.name: number for number, column in enumerate(COLUMNS[kind])}
    assert client.get(f"{base}imports/templates/people/").status_code == 404
