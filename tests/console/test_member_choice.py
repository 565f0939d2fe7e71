"""Members are chosen from a short select; where there are more, by typing their name or account."""

import pytest

from common.tenancy import tenant
from console import member_choice
from contacts.models import Contact
from enterprises.models import Department, Member
from enterprises.services import GRADED_ADMIN
from tests import factories
from tests.console.test_frame import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(enterprise, monkeypatch):
    """An admin's browser, more members than a select shows, and a contact; 张伟 is the last by name."""
    monkeypatch.setattr(member_choice, "MOST", 2)
    monkeypatch.setattr("console.contact_list.MOST_PEOPLE", 2)
    client, admin = person(enterprise)
    client.cookies["language"] = "en"
    with tenant(enterprise.pk):
        for name in ("阿木", "李雷", "王芳"):
            factories.member(name)
        last = factories.member("鼠标")
        contact = factories.contact(factories.acting(enterprise, admin), name="王小明")
    return client, f"/e/{enterprise.code}/", contact, last


def test_who_is_not_among_the_options_is_found_and_chosen(shop, enterprise):
    client, base, contact, last = shop
    page = f"{base}contacts/{contact.pk}/owner/"
    asked = client.get(page).content.decode()
    assert f'hx-get="{base}members/options/"' in asked and str(last.pk) not in asked
    found = client.get(f"{base}members/options/", {"search": "鼠"}).content.decode()
    assert found == f'<option value="{last.pk}" selected>鼠标 ({last.userid})</option>'
    assert client.get(f"{base}members/options/", {"search": last.userid.upper()}).content.decode() == found
    assert client.get(f"{base}members/options/", {"search": " "}).content == b""
    assert client.post(page, {"owner": str(last.pk)}).status_code == 302
    with tenant(enterprise.pk):
        assert Contact.objects.get().owner_id == last.pk


def test_a_member_of_nobody_is_refused(shop, enterprise, other_enterprise):
    client, base, contact, last = shop
    with tenant(other_enterprise.pk):
        foreign = factories.member("外人")
    with tenant(enterprise.pk):
        owner = Contact.objects.get().owner_id
        Member.objects.filter(pk=last.pk).update(status=Member.Status.RESIGNED)
    for wrong in (foreign.pk, last.pk, "x", "\0"):
        answer = client.post(f"{base}contacts/{contact.pk}/owner/", {"owner": str(wrong)})
        assert answer.status_code == 400 and "is-invalid" in answer.content.decode()
    assert client.get(f"{base}members/options/", {"search": "外人"}).content == b""
    with tenant(enterprise.pk):
        assert Contact.objects.get().owner_id == owner


def test_filters_show_whom_they_name_though_there_are_more(shop):
    client, base, _contact, last = shop
    page = client.get(f"{base}contacts/", {"owner": last.pk}).content.decode()
    assert f'<option value="{last.pk}" selected>鼠标</option>' in page
    assert page.count(f'hx-get="{base}members/options/?any"') == 2
    losses = client.get(f"{base}losses/", {"member": last.pk}).content.decode()
    assert f'<option value="{last.pk}" selected>鼠标 ({last.userid})</option>' in losses


def test_o4_a_graded_admin_finds_whom_they_may_name(shop, enterprise):
    stranger, base, _contact, last = shop
    with tenant(enterprise.pk):
        team = Department.objects.create(name="华东")
        inside = factories.member("鼠尾", department=team)
        admin = factories.member(user=factories.user(), role=GRADED_ADMIN, ranges=[team])
    client = stranger.__class__()
    client.force_login(admin.user)
    found = client.get(f"{base}members/options/", {"search": "鼠"}).content.decode()
    assert str(inside.pk) in found and str(last.pk) not in found


def test_few_members_are_a_plain_select(enterprise):
    client, _member = person(enterprise)
    assert "members/options" not in client.get(f"/e/{enterprise.code}/losses/").content.decode()
