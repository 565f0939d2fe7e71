"""U7: links, QR codes, the form of the partner, customers invited personally, and who is let in."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from common import clock
from common.errors import Conflict, NotFound
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.bulk.selection import Selection
from enterprises.models import AuditEntry, Enterprise
from enterprises.services import update_policy
from jobs.models import Notification
from tests import factories
from tests.parallel import in_parallel
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import Application, Invitation, Invitee, Partner, PartnerContact, Person, Space
from upstream.queries import joining as queries
from upstream.services import invitations, joining, members, spaces, subgroups

FORM = {"company": "华兴科技", "name": "王小明", "phone": "138 1234 5678"}


def browser(**headers) -> Client:
    return Client(headers={"Accept-Language": "en", **headers})


def address(enterprise, invitation) -> str:
    return reverse("space-join", kwargs={"firm": enterprise.code, "code": invitation.code})


def send(client, url, **values):
    """Open the page, read it for a while, fill in the form and send it."""
    with clock.at(clock.now() - timedelta(seconds=30)):
        stamp = joining.stamp()
    return client.post(url, {**FORM, "stamp": stamp, **values})


@pytest.fixture
def link(enterprise, scope):
    """An open link into a subgroup of a space."""
    with scope():
        admin = factories.super_admin(enterprise)
        space = make_space(admin, "品牌空间", purpose="与品牌方协作")
        group = subgroups.create_subgroup(admin, space=space, name="华南")
        return invitations.create_link(admin, space=space, subgroup=group, source="展会")


# --- the page ---------------------------------------------------------------------------------------------


def test_u7_the_page_says_in_plain_words_where_it_leads_and_not_the_subgroup(enterprise, link, scope):
    page = browser().get(address(enterprise, link))
    text = page.content.decode()
    assert page.status_code == 200 and "品牌空间" in text and "与品牌方协作" in text and enterprise.name in text
    assert "华南" not in text
    with scope():
        assert Invitation.objects.get().opens == 1


def test_u7_u4_somebody_joins_as_a_virtual_partner_in_the_subgroup(enterprise, link, scope):
    answer = send(browser(), address(enterprise, link))
    assert answer.status_code == 200
    with scope():
        partner = Partner.objects.get()
        seat = PartnerContact.objects.select_related("person").get()
        assert (partner.name, partner.virtual, partner.places.get().subgroup.name) == ("华兴科技", True, "华南")
        assert (seat.person.name, seat.person.phone, seat.source) == ("王小明", "13812345678", "展会")
        assert Invitation.objects.get().uses == 1 and Application.objects.get().state == "joined"
        entry = AuditEntry.objects.filter(action="partner.added").get()
        assert entry.actor_label == "王小明 (华兴科技)" and entry.ip == "127.0.0.1"


@pytest.mark.parametrize(
    "values",
    [
        {"company": ""},
        {"name": " "},
        {"phone": "abc"},
        {"phone": ""},
        {"website": "http://spam.example"},
        {"stamp": "x"},
    ],
)
def test_u7_what_is_wrong_leaves_nothing(enterprise, link, scope, values):
    answer = send(browser(), address(enterprise, link), **values)
    assert answer.status_code == 400
    with scope():
        assert not Application.objects.exists() and Invitation.objects.get().uses == 0


def test_u7_a_form_that_comes_at_once_or_days_later_is_no_persons(enterprise, link, scope):
    for age in (timedelta(0), timedelta(days=2)):
        with clock.at(clock.now() - age):
            stamp = joining.stamp()
        assert browser().post(address(enterprise, link), {**FORM, "stamp": stamp}).status_code == 400
    with scope():
        assert not Application.objects.exists()


def test_u7_too_many_forms_from_one_address_are_throttled(enterprise, link, scope):
    client = browser()
    for number in range(30):
        send(client, address(enterprise, link), company="", phone=str(number))
    assert send(client, address(enterprise, link)).status_code == 429
    with scope():
        assert not Application.objects.exists()


@pytest.mark.parametrize("kind, start", [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_u7_the_qr_code_may_be_embedded_anywhere(enterprise, link, kind, start):
    image = browser().get(f"{address(enterprise, link)}qr.{kind}")
    assert image.status_code == 200 and image.content.startswith(start)
    assert image["Cross-Origin-Resource-Policy"] == "cross-origin"


# --- links that do not work -------------------------------------------------------------------------------


def dead(enterprise, code):
    """The answer of a link that does not work: page, form and QR code."""
    url = reverse("space-join", kwargs={"firm": enterprise.code, "code": code})
    client = browser()
    answers = [client.get(url), send(client, url), client.get(f"{url}qr.svg")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    return answers[0].content.decode().replace(code, "CODE")


def test_u7_guessed_expired_revoked_and_used_up_links_are_answered_alike(enterprise, link, scope):
    admin_of = factories.super_admin
    with scope():
        admin = admin_of(enterprise)
        space = Space.objects.get()
        revoked = invitations.create_link(admin, space=space)
        invitations.revoke(admin, invitation=revoked)
        used = invitations.create_link(admin, space=space, max_uses=1)
        Invitation.objects.filter(pk=used.pk).update(uses=1)
        expired = invitations.create_link(admin, space=space, days=1)
        Invitation.objects.filter(pk=expired.pk).update(expires_at=clock.now())
        personal, _number = invitations.invite_customers(
            admin, space=space, selection=Selection.of(admin, ids=[factories.contact(admin).pk])
        )
    pages = [dead(enterprise, code) for code in ("guessed", revoked.code, used.code, expired.code, personal.code)]
    strip = [page.split("<main")[1].split("</main")[0] for page in pages]
    assert len(set(strip)) == 1, "nobody learns which links exist"
    with scope():
        assert not Application.objects.exists()


def test_x2_a_link_of_one_enterprise_is_nothing_in_another(enterprise, other_enterprise, link):
    url = reverse("space-join", kwargs={"firm": other_enterprise.code, "code": link.code})
    assert browser().get(url).status_code == 404
    assert browser().get(reverse("space-join", kwargs={"firm": "nobody", "code": link.code})).status_code == 404


def test_u7_a_suspended_enterprise_takes_nobody_in(enterprise, link, scope):
    Enterprise.objects.filter(pk=enterprise.pk).update(status=Enterprise.Status.SUSPENDED)
    assert send(browser(), address(enterprise, link)).status_code == 404


# --- who has to wait --------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["company", "person", "approval", "full"])
def test_u7_what_may_be_a_mistake_waits_and_the_stranger_is_not_told_why(enterprise, link, scope, known):
    with scope():
        admin = factories.super_admin(enterprise)
        space = Space.objects.get()
        if known == "company":
            make_person(admin, make_partner(admin, space, "华兴 科技"), "老同事")
        elif known == "person":
            make_person(admin, make_partner(admin, space, "别家"), "王小明", phone="13812345678")
        elif known == "approval":
            Invitation.objects.update(approval=True)
        else:
            update_policy(admin, values={"space_partners": 1})
            make_partner(admin, space)
        before = PartnerContact.objects.count()
    answer = send(browser(), address(enterprise, link))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "老同事" not in text and "别家" not in text
    with scope():
        application = Application.objects.get()
        expected = {"company": "known_company", "person": "known_person"}.get(known, known)
        assert (application.state, application.reason) == ("pending", expected)
        assert PartnerContact.objects.count() == before
        assert Notification.objects.filter(kind="upstream.waiting").count() == 1


def test_u7_whoever_waits_is_let_into_the_partner_that_is_known(enterprise, link, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        partner = make_partner(admin, Space.objects.get(), "华兴科技")
    send(browser(), address(enterprise, link))
    with scope():
        application = Application.objects.get()
        joining.approve(admin, application=application)
        assert PartnerContact.objects.get().partner == partner and Partner.objects.count() == 1
        with pytest.raises(Conflict):
            joining.turn_down(admin, application=application)
        assert Application.objects.get().state == "joined"


def test_u7_somebody_is_turned_down(enterprise, link, scope):
    with scope():
        Invitation.objects.update(approval=True)
    send(browser(), address(enterprise, link))
    with scope():
        admin = factories.super_admin(enterprise)
        joining.turn_down(admin, application=Application.objects.get())
        assert Application.objects.get().state == "declined" and not Person.objects.exists()


def test_u7_u8_a_link_into_a_series_leads_to_the_space_with_room(enterprise, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"space_partners": 1, "spaces": 5})
        series = spaces.create_series(admin, name="媒体")
        invitation = invitations.create_link(admin, series=series)
    for number in range(3):
        send(browser(), address(enterprise, invitation), company=f"媒体号{number}", phone=f"1381234567{number}")
    with scope():
        assert sorted(Partner.objects.values_list("space__name", flat=True)) == ["媒体 1", "媒体 2", "媒体 3"]


# --- customers --------------------------------------------------------------------------------------------


@pytest.fixture
def customers(enterprise, scope):
    """A space, and three customers of two members."""
    with scope():
        admin = factories.super_admin(enterprise)
        space = make_space(admin, "买家空间")
        one, two = factories.member("甲"), factories.member("乙")
        members.add_members(admin, space=space, members=[one, two])
        made = [
            factories.contact(
                factories.acting(enterprise, who), name=f"客户{n}", company=f"买家{n}", phones=[f"1390000000{n}"]
            )
            for n, who in enumerate((one, one, two))
        ]
        return space, made, (one, two)


def test_u7_customers_chosen_by_a_filter_are_invited_by_their_owners(enterprise, scope, customers):
    space, made, (one, two) = customers
    with scope():
        admin = factories.super_admin(enterprise)
        make_person(admin, make_partner(admin, space), contact=made[1])
        selection = Selection.of(admin, filter={"search": "客户"})
        chosen, left_out = invitations.invited(admin, selection=selection, target=space)
        assert (chosen.count(), left_out) == (2, {"lost": 0, "joined": 1, "invited": 0})
        _invitation, number = invitations.invite_customers(admin, selection=selection, space=space, source="老客户")
        assert number == 2
        assert set(Invitee.objects.values_list("contact", "inviter")) == {(made[0].pk, one.pk), (made[2].pk, two.pk)}
        told = Notification.objects.filter(kind="upstream.to_send").values_list("member", "data__number")
        assert set(told) == {(one.pk, 1), (two.pk, 1)}
        assert not PartnerContact.objects.exclude(person__customer_links__contact=made[1]).exists(), (
            "nobody is joined silently"
        )
        _chosen, left_out = invitations.invited(admin, selection=selection, target=space)
        assert left_out == {"lost": 0, "joined": 1, "invited": 2}


def test_u7_the_personal_way_from_sent_to_joined_and_declined(enterprise, scope, customers):
    space, made, (one, _two) = customers
    with scope():
        staff = factories.acting(enterprise, one)
        selection = Selection.of(staff, ids=[made[0].pk, made[1].pk])
        admin = factories.super_admin(enterprise)
        _invitation, _number = invitations.invite_customers(admin, selection=selection, space=space, source="老客户")
        first, second = Invitee.objects.order_by("contact__name")
        assert invitations.mark_sent(admin, invitees=[first, second]) == 2
        assert invitations.mark_sent(admin, invitees=[first]) == 0
    urls = [address(enterprise, one) for one in (first, second)]
    page = browser().get(urls[0]).content.decode()
    assert "买家0" in page and "13900000000" in page
    assert send(browser(), urls[0], company="买家0", name="客户0", phone="13900000000").status_code == 200
    browser().get(urls[1])
    assert browser().post(urls[1], {"answer": "no"}).status_code == 200
    with scope():
        assert dict(Invitee.objects.values_list("contact__name", "state")) == {"客户0": "joined", "客户1": "declined"}
        seat = PartnerContact.objects.get()
        assert seat.person.customer_links.get().contact_id == made[0].pk
        assert Contact.objects.get(pk=made[0].pk).status == "active", "who joined stays a customer"
        [by_channel] = queries.funnel(admin, "channel")
        assert by_channel == queries.Funnel("老客户", 2, 2, 2, 1, 1)
        assert [row.label for row in queries.funnel(admin, "inviter")] == ["甲"]


def test_u7_a_personal_link_is_answered_once_and_a_forwarded_one_takes_nobody_else_in(enterprise, scope, customers):
    space, made, _owners = customers
    with scope():
        admin = factories.super_admin(enterprise)
        selection = Selection.of(admin, ids=[made[0].pk, made[1].pk])
        invitations.invite_customers(admin, selection=selection, space=space)
        mine, passed_on = Invitee.objects.order_by("contact__name")
    send(browser(), address(enterprise, mine), phone="13900000000")
    again = send(browser(), address(enterprise, mine), company="别人", name="别人", phone="13700000000")
    assert again.status_code == 400
    assert browser().post(address(enterprise, mine), {"answer": "no"}).status_code == 409
    send(browser(), address(enterprise, passed_on), name="路人", phone="13700000000", company="路人公司")
    with scope():
        assert PartnerContact.objects.get().person.phone == "13900000000"
        assert Application.objects.get(state="pending").reason == "other_phone"
        assert dict(Invitee.objects.values_list("contact__name", "state")) == {"客户0": "joined", "客户1": "answered"}


def test_o5_staff_see_their_own_invited_customers_only(enterprise, scope, customers):
    space, made, (_one, two) = customers
    with scope():
        admin = factories.super_admin(enterprise)
        invitation, _number = invitations.invite_customers(
            admin, selection=Selection.of(admin, ids=[contact.pk for contact in made]), space=space
        )
        seen = queries.invitees(factories.acting(enterprise, two), invitation)
        assert [invitee.contact for invitee in seen] == [made[2]]


def test_u7_reminders_reach_the_inviters_and_old_links_expire(enterprise, scope, customers):
    space, made, (one, _two) = customers
    with scope():
        admin = factories.super_admin(enterprise)
        selection = Selection.of(admin, ids=[made[0].pk, made[1].pk])
        _invitation, _number = invitations.invite_customers(admin, selection=selection, space=space, days=10)
        invitations.mark_sent(admin, invitees=list(Invitee.objects.all()))
        assert invitations.expire(clock.now()) == {"expired": 0, "reminded": 0}
        later = clock.now() + timedelta(days=4)
        assert invitations.expire(later) == {"expired": 0, "reminded": 2}
        assert invitations.expire(later) == {"expired": 0, "reminded": 0}
        assert Notification.objects.filter(kind="upstream.remind", member=one).count() == 1
        over = clock.now() + timedelta(days=11)
        assert invitations.expire(over) == {"expired": 2, "reminded": 0}
        assert invitations.expire(over) == {"expired": 0, "reminded": 0}


# --- exact ------------------------------------------------------------------------------------------------


def test_u7_64_people_and_a_link_for_10(committed_db):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        invitation = invitations.create_link(admin, space=make_space(admin), max_uses=10)

    def come(number):
        try:
            joining.join(
                enterprise.code, invitation.code, company=f"公司{number}", name="某人", phone=f"139{number:08}"
            )
        except NotFound:
            return "too late"
        return "in"

    found = Counter(in_parallel([partial(come, number) for number in range(64)]))
    assert found == {"in": 10, "too late": 54}
    with tenant(enterprise.pk):
        assert Invitation.objects.get().uses == Application.objects.count() == PartnerContact.objects.count() == 10


def test_u1_u7_64_people_join_a_space_with_room_for_10(committed_db):
    """Ten are in; the others have not filled in the form in vain: they wait for room."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"space_partners": 10})
        invitation = invitations.create_link(admin, space=make_space(admin))

    def come(number):
        values = {"company": f"公司{number}", "name": "某人", "phone": f"139{number:08}"}
        return joining.join(enterprise.code, invitation.code, **values).state

    found = Counter(in_parallel([partial(come, number) for number in range(64)]))
    assert found == {"joined": 10, "pending": 54}
    with tenant(enterprise.pk):
        assert Space.objects.get().partner_count == Partner.objects.count() == PartnerContact.objects.count() == 10
        assert set(Application.objects.filter(state="pending").values_list("reason", flat=True)) == {"full"}
