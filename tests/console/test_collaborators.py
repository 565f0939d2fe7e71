"""The console's pages of collaborators: the card, the form, one's own list, the rules; who sees what, and view as."""

import re

import pytest
from django.test import Client

from collaboration.models import CollaborationRule, Invitation
from collaboration.services import grants
from common.tenancy import tenant
from contacts.models import Contact, Grant
from enterprises.models import Role
from tests import factories

pytestmark = pytest.mark.django_db


def browser(member):
    client = Client(headers={"Accept-Language": "en"})
    client.cookies["language"] = "en"
    client.force_login(member.user)
    return client


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def scene(enterprise):
    with tenant(enterprise.pk):
        people = {name: factories.member(name) for name in ("Anna", "Bob", "Carl")}
        people["admin"] = factories.super_admin(enterprise).member
        contact = factories.contact(factories.actor(enterprise, people["Anna"]), name="王小明")
    return people, contact, lambda path="": f"/e/{enterprise.code}/{path}"


def test_o1_o2_invite_accept_change_leave(scene, enterprise):
    people, contact, at = scene
    anna, bob = browser(people["Anna"]), browser(people["Bob"])
    page = text(anna.get(at(f"contacts/{contact.pk}/")))
    assert at(f"contacts/{contact.pk}/collaborators/add/") in page
    form = text(anna.get(at(f"contacts/{contact.pk}/collaborators/add/")))
    assert "Bob" in form and "Carl" in form and f'value="{people["Anna"].pk}"' not in form
    sent = {"member": str(people["Bob"].pk), "level": "editor", "expires_on": "2099-12-31", "message": "帮忙"}
    assert anna.post(at(f"contacts/{contact.pk}/collaborators/add/"), sent).status_code == 302
    assert "Has not answered yet" in text(anna.get(at(f"contacts/{contact.pk}/")))
    with tenant(enterprise.pk):
        offer = Invitation.objects.get()
        assert offer.expires_at.isoformat() == "2099-12-31T16:00:00+00:00"  # the day ends in Shanghai
    mine = text(bob.get(at("collaborations/")))
    assert "王小明" in mine and "帮忙" in mine and bob.get(at(f"contacts/{contact.pk}/")).status_code == 404
    assert bob.post(at(f"collaborations/{offer.pk}/accept/"))["Location"] == at(f"contacts/{contact.pk}/")
    seen = text(bob.get(at(f"contacts/{contact.pk}/")))
    assert "Leave this collaboration?" in seen and at(f"contacts/{contact.pk}/edit/") in seen
    assert at(f"contacts/{contact.pk}/archive/") not in seen and at(f"contacts/{contact.pk}/owner/") not in seen
    edit = text(bob.get(at(f"contacts/{contact.pk}/edit/")))
    assert 'name="remark"' in edit and 'name="name"' not in edit and 'name="phones"' not in edit
    saved = bob.post(
        at(f"contacts/{contact.pk}/edit/"), {"remark": "老客户", "description": "", "name": "x", "version": 1}
    )
    assert saved.status_code == 302
    with tenant(enterprise.pk):
        assert list(Contact.objects.values_list("name", "remark")) == [("王小明", "老客户")]
    where = at(f"contacts/{contact.pk}/collaborators/{people['Bob'].pk}/")
    assert 'value="2099-12-31"' in text(anna.get(where))
    assert anna.post(where, {"level": "viewer", "expires_on": ""}).status_code == 302
    with tenant(enterprise.pk):
        assert list(Grant.objects.values_list("level", "expires_at")) == [("viewer", None)]
    assert "until" not in text(anna.get(at(f"contacts/{contact.pk}/visibility/")))
    assert bob.post(f"{where}remove/")["Location"] == at("contacts/")
    with tenant(enterprise.pk):
        assert not Grant.objects.exists()


def test_o3_a_refusal_keeps_the_form_and_says_why(scene, enterprise):
    people, contact, at = scene
    with tenant(enterprise.pk):
        factories.reset_policy({"collaborators_max": 1})
        Grant.objects.create(contact=contact, member=people["Carl"], level="viewer")
    sent = {"member": str(people["Bob"].pk), "level": "viewer"}
    answer = browser(people["Anna"]).post(at(f"contacts/{contact.pk}/collaborators/add/"), sent)
    assert answer.status_code == 409 and "can have 1 collaborators" in text(answer)


def test_declining(scene, enterprise):
    people, contact, at = scene
    with tenant(enterprise.pk):
        anna = factories.actor(enterprise, people["Anna"])
        offer = grants.invite(anna, contact=contact, member=people["Bob"], level="viewer")
    assert browser(people["Bob"]).post(at(f"collaborations/{offer.pk}/decline/")).status_code == 302
    with tenant(enterprise.pk):
        assert not Invitation.objects.exists()


def test_o3_the_rules_of_a_role(scene, enterprise):
    people, _contact, at = scene
    admin = browser(people["admin"])
    page = text(admin.get(at("collaboration-policy/")))
    assert "What each level may do" in page and "Override the value grade" in page
    with tenant(enterprise.pk):
        staff = Role.objects.get(builtin="staff")
    key = str(staff.pk)
    sent = {"role": key, f"{key}-highest": "viewer", f"{key}-most": "5", f"{key}-asks": "on"}
    assert admin.post(at("collaboration-policy/"), sent).status_code == 302
    with tenant(enterprise.pk):
        rule = CollaborationRule.objects.get()
        assert (rule.highest, rule.most, rule.asks) == ("viewer", 5, True)
        assert "contacts.share" not in Role.objects.get(pk=staff.pk).codes  # unticked: may not invite any more
    wrong = admin.post(at("collaboration-policy/"), {**sent, f"{key}-most": "500"})
    assert wrong.status_code == 400
    with tenant(enterprise.pk):
        assert CollaborationRule.objects.get().most == 5
    assert browser(people["Anna"]).get(at("collaboration-policy/")).status_code == 403


def test_o5_what_somebody_sees(scene, enterprise):
    people, contact, at = scene
    with tenant(enterprise.pk):
        Grant.objects.create(contact=contact, member=people["Bob"], level="viewer")
    page = text(browser(people["admin"]).get(at(f"members/{people['Bob'].pk}/reach/")))
    assert "Collaborates" in page and at(f"members/{people['Bob'].pk}/view-as/") in page
    own = text(browser(people["Bob"]).get(at(f"members/{people['Bob'].pk}/reach/")))
    assert "view-as" not in own
    who = text(browser(people["admin"]).get(at(f"contacts/{contact.pk}/visibility/")))
    assert "Collaborates" in who and "Viewer" in who


@pytest.mark.parametrize("rows", [1, 3])
def test_pages_cost_the_same_however_many_there_are(scene, enterprise, rows, django_assert_num_queries):
    people, contact, at = scene
    with tenant(enterprise.pk):
        anna = factories.actor(enterprise, people["Anna"])
        for _number in range(rows):
            Grant.objects.create(contact=factories.contact(anna), member=people["Bob"], level="viewer")
            Grant.objects.create(contact=contact, member=factories.member(), level="editor")
    bob, anna = browser(people["Bob"]), browser(people["Anna"])
    costs = ((bob, "collaborations/", 11), (bob, "contacts/", 15), (anna, f"contacts/{contact.pk}/", 14))
    for client, path, cost in costs:
        client.get(at(path))
        with django_assert_num_queries(cost):
            client.get(at(path))
