"""U11, U3, U6: shares and the partner's workbench by personal link, and attacks on it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from common import clock
from common.errors import Conflict, Invalid
from common.tenancy import tenant
from enterprises.models import Enterprise
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import Person, Share, ShareOpen, WorkbenchLink
from upstream.queries import sharing as queries
from upstream.services import chats, members, people, shares, spaces, subgroups, workbench

pytestmark = pytest.mark.django_db


class Guest:
    """A device with a link."""

    def __init__(self, enterprise, link):
        self.client = Client(headers={"Accept-Language": "en"})
        self.url = reverse("workbench", kwargs={"firm": enterprise.code, "code": link.code})

    def unlock(self, digits="5678"):
        return self.client.post(self.url, {"digits": digits})

    def look(self, query=""):
        return self.client.get(self.url + query)

    def open(self, share):
        return self.client.get(f"{self.url}{share.pk}/")

    @property
    def text(self):
        return self.look().content.decode()


@pytest.fixture
def world(enterprise, scope):
    """Two spaces, two partners in the first, a person in both spaces, a member of ours in each."""
    with scope():
        admin = factories.super_admin(enterprise)
        one, two = make_space(admin, "品牌空间"), make_space(admin, "媒体空间")
        top = subgroups.create_subgroup(admin, space=one, name="密组")
        below = subgroups.create_subgroup(admin, space=one, name="密组下", parent=top)
        partner = make_partner(admin, one, "华兴", subgroups=[below])
        rival = make_partner(admin, one, "对手公司")
        seat = make_person(admin, partner, "王小明", phone="13812345678")
        make_person(admin, partner, "同事甲")
        make_person(admin, rival, "对手乙")
        make_person(admin, make_partner(admin, two, "华兴媒体"), "王小明", phone="13812345678")
        return {"admin": admin, "one": one, "two": two, "top": top, "seat": seat, "rival": rival, "partner": partner}


def link_of(world, seat=None):
    with tenant(world["admin"].enterprise.pk):
        return workbench.issue_link(world["admin"], seat=seat or world["seat"])


def share(world, **fields):
    with tenant(world["admin"].enterprise.pk):
        given = {"kind": "link", "title": "价目表", "url": "https://example.com/a", **fields}
        return shares.create_share(world["admin"], **given)


# --- what is seen -----------------------------------------------------------------------------------------


def test_u11_u3_the_workbench_shows_shares_people_and_colleagues_and_no_word_of_anybody_else(enterprise, world, scope):
    share(world, space=world["one"], subgroup=world["top"], title="给上级分组")
    share(world, space=world["one"], title="给空间")
    share(world, space=world["two"], title="给另一个空间")
    with scope():
        other = subgroups.create_subgroup(world["admin"], space=world["one"], name="别的组")
    share(world, space=world["one"], subgroup=other, title="给别的分组")
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    text = guest.text
    assert all(word in text for word in ("给上级分组", "给空间", "同事甲", "华兴", "品牌空间", "媒体空间"))
    assert not any(word in text for word in ("给另一个空间", "给别的分组", "密组", "对手", "13812345678"))
    there = guest.look(f"?space={world['two'].pk}").content.decode()
    assert "给另一个空间" in there and "同事甲" not in there


def test_u6_the_workbench_obeys_the_rules_and_an_open_space_shows_other_partners(enterprise, world, scope):
    with scope():
        near, far = factories.member("近的"), factories.member("远的")
        members.add_members(world["admin"], space=world["one"], members=[near, far])
        members.create_rule(
            world["admin"], space=world["one"], name="规则", members=[near], partners=[world["partner"]]
        )
        spaces.edit_space(world["admin"], space=world["one"], changes={"partners_open": True})
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    assert "近的" in guest.text and "远的" not in guest.text and "对手公司" in guest.text and "对手乙" not in guest.text


def test_u11_opens_are_counted_per_person_and_what_is_withdrawn_disappears_at_once(enterprise, world, scope):
    made = share(world, space=world["one"])
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    for _time in range(2):
        answer = guest.open(made)
        assert (answer.status_code, answer["Location"]) == (302, "https://example.com/a")
    with scope():
        found = queries.shares(world["admin"]).get()
        assert (found.people, found.times) == (1, 2)
        shares.withdraw(world["admin"], share=made)
    assert "价目表" not in guest.text and guest.open(made).status_code == 404
    with scope():
        assert ShareOpen.objects.get().times == 2


def test_u11_a_meeting_has_a_beginning_in_the_enterprises_zone_and_goes_into_the_calendar(enterprise, world, scope):
    client = Client()
    with scope():
        client.force_login(world["admin"].member.user)
        Enterprise.objects.filter(pk=enterprise.pk).update(timezone="Asia/Urumqi")
    form = {"kind": "meeting", "title": "说明会", "url": "https://example.com/m", "starts_at": "2026-06-15T14:00"}
    assert client.post(f"/e/{enterprise.code}/shares/new/", {**form, "space": str(world["one"].pk)}).status_code == 302
    with scope():
        meeting = Share.objects.get()
        assert meeting.starts_at == datetime(2026, 6, 15, 8, tzinfo=UTC)
    link = link_of(world)
    device = Guest(enterprise, link)
    device.unlock()
    assert "2026-06-15 14:00" in device.text
    file = device.client.get(f"{device.url}{meeting.pk}.ics")
    assert file["Content-Type"].startswith("text/calendar")
    [event] = Calendar.from_ical(file.content).walk("VEVENT")
    assert (event["DTSTART"].dt, str(event["SUMMARY"])) == (meeting.starts_at, "说明会")
    with scope():
        elsewhere = make_person(world["admin"], make_partner(world["admin"], world["two"]), phone="13700005678")
    stranger = Guest(enterprise, link_of(world, elsewhere))
    stranger.unlock()
    assert stranger.client.get(f"{stranger.url}{meeting.pk}.ics").status_code == 404
    other = share(world, space=world["one"])
    assert device.client.get(f"{device.url}{other.pk}.ics").status_code == 404
    with scope():
        shares.withdraw(world["admin"], share=meeting)
    assert device.client.get(f"{device.url}{meeting.pk}.ics").status_code == 404


def test_u11_u10_the_workbench_names_the_group_chats_one_is_in(enterprise, world, scope):
    with scope():
        for name, people in (("项目群", [world["seat"]]), ("别的群", [])):
            chat = chats.create_chat(world["admin"], space=world["one"], name=name)
            if people:
                chats.add(world["admin"], chat=chat, people=people)
    device = Guest(enterprise, link_of(world))
    device.unlock()
    assert "项目群" in device.text
    assert "别的群" not in device.text


def test_u11_u8_a_share_with_a_series_is_in_every_space_of_it(enterprise, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        series = spaces.create_series(admin, name="媒体")
        second = spaces.create_space(admin, name="媒体 2", series=series)
        seat = make_person(admin, make_partner(admin, second), phone="13812345678")
        made = shares.create_share(admin, kind="folder", title="素材", url="https://example.com/f", series=series)
        assert list(shares.shared_with(seat.partner)) == [made]


def test_u11_files_are_kept_apart_and_only_downloaded(enterprise, world):
    upload = SimpleUploadedFile("报价.html", b"<script>alert(1)</script>")
    made = share(world, space=world["one"], kind="file", url="", file=upload)
    guest = Guest(enterprise, link_of(world))
    assert guest.open(made).status_code == 403
    guest.unlock()
    answer = guest.open(made)
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream" and "attachment" in answer["Content-Disposition"]


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "javascript:alert(1)"},
        {"url": "no address"},
        {"url": ""},
        {"title": " "},
        {"kind": "other"},
        {"kind": "file", "url": ""},
        {"starts_at": datetime(2026, 6, 15, 8, tzinfo=UTC)},
    ],
)
def test_u11_what_is_wrong_is_not_shared(world, scope, fields):
    with scope(), pytest.raises(Invalid):
        given = {"kind": "link", "title": "x", "url": "https://example.com", **fields}
        shares.create_share(world["admin"], space=world["one"], **given)
    with scope():
        assert not Share.objects.exists()


# --- attacks ----------------------------------------------------------------------------------------------


def test_u11_a_forwarded_link_is_of_no_use_without_the_digits(enterprise, world):
    link = link_of(world)
    owner, stranger = Guest(enterprise, link), Guest(enterprise, link)
    assert owner.unlock().status_code == 302 and owner.look().status_code == 200
    assert stranger.look().status_code == 403
    assert "华兴" not in stranger.text
    for _try in range(4):
        assert stranger.unlock("0000").status_code == 403
    assert stranger.unlock("5678").status_code == 429, "five tries an hour for a link, the owner's included"
    assert stranger.look().status_code == 403 and owner.look().status_code == 200


def test_u11_the_proof_of_one_link_opens_no_other(enterprise, world, scope):
    with scope():
        rival = people.add_person(world["admin"], partner=world["rival"], name="丙", phone="13700005678")
    mine, theirs = Guest(enterprise, link_of(world)), Guest(enterprise, link_of(world, rival))
    mine.unlock()
    proof = mine.client.cookies["workbench"].value
    theirs.client.cookies["workbench"] = proof
    assert theirs.look().status_code == 403


def test_u11_guessed_old_revoked_expired_and_foreign_links_are_answered_alike(
    enterprise, other_enterprise, world, scope
):
    old = link_of(world)
    guest = Guest(enterprise, old)
    guest.unlock()
    new = link_of(world)
    assert guest.look().status_code == 404, "a new link ends the one before"
    fresh = Guest(enterprise, new)
    fresh.unlock()
    assert Guest(other_enterprise, new).look().status_code == 404
    with clock.at(clock.now() + timedelta(days=400)):
        assert fresh.look().status_code == 404
    with scope():
        workbench.revoke_links(world["admin"], seat=world["seat"])
    assert fresh.look().status_code == fresh.unlock().status_code == 404
    with scope():
        new.code = "guessed"
    assert Guest(enterprise, new).look().status_code == 404


def test_u11_whoever_left_the_space_sees_nothing_any_more(enterprise, world, scope):
    made = share(world, space=world["one"])
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    with scope():
        people.remove_person(world["admin"], seat=world["seat"])
    assert "价目表" not in guest.text and guest.open(made).status_code == 404
    assert guest.look(f"?space={world['one'].pk}").status_code == 404
    with scope():
        for seat in Person.objects.get(phone="13812345678").seats.select_related("partner", "person"):
            people.remove_person(world["admin"], seat=seat)
        assert not WorkbenchLink.objects.exists()
    assert guest.look().status_code == 404


def test_u11_another_space_or_share_of_somebody_else_is_a_missing_one(enterprise, world, scope):
    with scope():
        third = make_space(world["admin"])
    foreign = share(world, space=third)
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    assert guest.open(foreign).status_code == guest.look(f"?space={third.pk}").status_code == 404


def test_u11_without_a_phone_number_there_is_no_link(world, scope):
    with scope():
        seat = make_person(world["admin"], world["rival"], "无号")
        with pytest.raises(Conflict) as refused:
            workbench.issue_link(world["admin"], seat=seat)
        assert refused.value.code == "phone_missing" and not WorkbenchLink.objects.exists()


def test_u11_a_suspended_enterprise_shows_nothing(enterprise, world):
    guest = Guest(enterprise, link_of(world))
    guest.unlock()
    Enterprise.objects.filter(pk=enterprise.pk).update(status=Enterprise.Status.SUSPENDED)
    assert guest.look().status_code == 404
