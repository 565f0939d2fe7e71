"""U11: a partner's person gets a new workbench link by mail; whoever asks learns nothing. A real SMTP server."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from common import clock
from common.errors import Conflict, Invalid
from common.tenancy import tenant
from enterprises.models import AuditEntry, Enterprise
from tests import factories
from tests.jobs.test_mail import Mailbox, mailbox, subject  # noqa: F401 - the fixture
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream import tasks
from upstream.models import Person, WorkbenchLink
from upstream.services import bridges, people, workbench

pytestmark = pytest.mark.usefixtures("committed_db")
KNOWN = "wang@partner.example"


class Desk:
    """An enterprise with two people of a partner: one with an address, one without."""

    def __init__(self, box: Mailbox) -> None:
        self.box = box
        self.firm = factories.enterprise("星河零售")
        with tenant(self.firm.pk):
            self.admin = factories.super_admin(self.firm)
            self.space = make_space(self.admin, "品牌空间")
            partner = make_partner(self.admin, self.space, "华兴")
            self.seat = make_person(self.admin, partner, "王小明", phone="13812345678", email=KNOWN)
            self.silent = make_person(self.admin, partner, "李静", phone="13900004321")

    def issue(self, seat=None) -> WorkbenchLink:
        with tenant(self.firm.pk):
            return workbench.issue_link(self.admin, seat=seat or self.seat)

    def ask(self, email: str = KNOWN, firm: str | None = None):
        return guest().post(f"/workbench/{firm or self.firm.code}/", {"email": email})

    def mailed(self) -> list[str]:
        """The paths of the links in the last mail."""
        return re.findall(r"https://scrm.example.com(/workbench/\S+)", self.box.messages[-1][1].get_content())

    def links(self) -> int:
        with tenant(self.firm.pk):
            return WorkbenchLink.objects.count()


def guest() -> Client:
    """A device that reads English."""
    client = Client()
    client.cookies["language"] = "en"
    return client


@pytest.fixture
def desk(mailbox, monkeypatch) -> Desk:  # noqa: F811
    monkeypatch.setattr(tasks.mail_workbench_links, "delay", tasks.mail_workbench_links)
    return Desk(mailbox)


def device(path: str, digits: str = "5678") -> Client:
    client = guest()
    client.post(path, {"digits": digits})
    return client


def page(answer) -> str:
    """What stands on a page, without what differs on every one."""
    return re.sub(r'(csrfmiddlewaretoken" value=|CSRFToken": )"\w+"', "", answer.content.decode())


def test_u11_an_expired_link_s_page_leads_to_a_fresh_one_by_mail(desk):
    old = desk.issue()
    path = f"/workbench/{desk.firm.code}/{old.code}/"
    with clock.at(clock.now() + timedelta(days=181)):
        gone = guest().get(path)
        assert gone.status_code == 404 and f'action="/workbench/{desk.firm.code}/"' in page(gone)
        assert desk.ask(f" {KNOWN.upper()} ").status_code == 200
        [(to, mail)] = desk.box.messages
        assert to == [KNOWN] and subject(mail) == "Your new link to the workbench of “星河零售”"
        [fresh] = desk.mailed()
        assert fresh != path
        assert "品牌空间" in page(device(fresh).get(fresh))
        assert guest().get(path).status_code == device(path).get(path).status_code == 404, "the old one stays dead"
    with tenant(desk.firm.pk):
        [entry] = AuditEntry.objects.filter(action="workbench.mailed")
        assert (entry.actor_kind, entry.actor_label, entry.ip) == ("system", "王小明", "127.0.0.1")


def test_u11_known_and_unknown_addresses_and_enterprises_get_the_same_answer(desk):
    known, unknown = desk.ask(), desk.ask("wang@partner.exampl")
    nowhere = desk.ask(firm="no-such-firm")
    assert known.status_code == unknown.status_code == nowhere.status_code == 200
    shown = [page(known), page(unknown).replace("wang@partner.exampl ", f"{KNOWN} ")]
    shown.append(page(nowhere).replace("no-such-firm", desk.firm.code))
    assert KNOWN in shown[0] and len(set(shown)) == 1
    assert [to for to, _mail in desk.box.messages] == [[KNOWN]] and desk.links() == 1
    pages = [page(guest().get(f"/workbench/{firm}/")) for firm in (desk.firm.code, "no-such-firm")]
    assert pages[0] == pages[1].replace("no-such-firm", desk.firm.code)
    gone = [page(guest().get(f"/workbench/{firm}/guessed/")) for firm in (desk.firm.code, "no-such-firm")]
    assert gone[0] == gone[1].replace("no-such-firm", desk.firm.code)


def test_u11_asking_takes_nobody_s_link_away_and_using_the_new_one_ends_it(desk):
    with clock.at(clock.now() - timedelta(days=1)):
        old = desk.issue()
    path = f"/workbench/{desk.firm.code}/{old.code}/"
    mine = device(path)
    desk.ask()
    assert mine.get(path).status_code == 200, "a stranger typed my address"
    [fresh] = desk.mailed()
    assert guest().get(fresh).status_code == 403, "without the digits it opens nothing"
    device(fresh, "0000")
    assert mine.get(path).status_code == 200
    assert device(fresh).get(fresh).status_code == 200
    assert mine.get(path).status_code == 404


def test_u11_whoever_is_impatient_gets_the_same_link_again(desk):
    for _time in range(2):
        desk.ask()
    assert desk.links() == 1 and len(desk.box.messages) == 2
    assert len({tuple(re.findall(r"/workbench/\S+", mail.get_content())) for _to, mail in desk.box.messages}) == 1


def test_u11_a_mail_server_that_is_busy_is_tried_again_with_the_same_link(desk):
    desk.box.answers = ["451 try later"]
    with pytest.raises(Exception, match=r"451"):
        tasks.mail_workbench_links(desk.firm.code, KNOWN, None, "zh-hans")
    assert desk.box.messages == [] and desk.links() == 1
    tasks.mail_workbench_links(desk.firm.code, KNOWN, None, "zh-hans")
    assert len(desk.mailed()) == 1 and desk.links() == 1
    assert subject(desk.box.messages[0][1]) == "您在“星河零售”的工作台新链接"


def test_u11_links_that_ours_ended_by_hand_stay_ended(desk):
    desk.issue()
    with tenant(desk.firm.pk):
        workbench.revoke_links(desk.admin, seat=desk.seat)
    assert desk.ask().status_code == 200
    assert desk.box.messages == [] and desk.links() == 1
    desk.issue()
    desk.ask()
    assert len(desk.mailed()) == 1, "a new one by ours opens the way again"


def test_u11_people_of_one_mailbox_get_one_mail_with_a_link_each(desk):
    with tenant(desk.firm.pk):
        people.edit_person(desk.admin, seat=desk.silent, changes={"email": KNOWN})
        partner = make_partner(desk.admin, desk.space, "无号公司")
        make_person(desk.admin, partner, "无号", email=KNOWN)  # without a phone number nothing would protect it
    desk.ask()
    [(_to, mail)] = desk.box.messages
    assert len(desk.mailed()) == 2 and "王小明" in mail.get_content() and "无号" not in mail.get_content()


def test_u11_whoever_left_gets_nothing_and_neither_does_a_suspended_enterprise_send(desk):
    with tenant(desk.firm.pk):
        people.remove_person(desk.admin, seat=desk.seat)
        people.edit_person(desk.admin, seat=desk.silent, changes={"email": KNOWN})
    Enterprise.objects.filter(pk=desk.firm.pk).update(status=Enterprise.Status.SUSPENDED)
    assert desk.ask().status_code == 200 and desk.box.messages == []
    Enterprise.objects.filter(pk=desk.firm.pk).update(status=Enterprise.Status.ACTIVE)
    desk.ask()
    assert "李静" in desk.box.messages[0][1].get_content()


def test_u11_another_enterprise_s_person_is_not_known_here(desk):
    other = factories.enterprise("另一家")
    assert desk.ask(firm=other.code).status_code == 200
    assert desk.box.messages == [] and desk.links() == 0


def test_u11_a_mailbox_is_not_flooded_and_a_caller_is_slowed_down(desk):
    for _time in range(3):
        assert desk.ask().status_code == 200
    assert desk.ask().status_code == 400
    for number in range(6):
        assert desk.ask(f"a{number}@partner.example").status_code == 200
    assert desk.ask("z@partner.example").status_code == 400, "the caller"
    assert len(desk.box.messages) == 3 and desk.links() == 1


@pytest.mark.parametrize("email", ["", "no address", "a@b", "x\r\nBcc: victim@example.com"])
def test_u11_what_is_no_address_is_refused_and_sends_nothing(desk, email):
    assert desk.ask(email).status_code == 400 and desk.box.messages == []


def test_u11_the_person_says_once_where_links_may_go(desk):
    link = desk.issue(desk.silent)
    path = f"/workbench/{desk.firm.code}/{link.code}/"
    stranger = guest()
    assert stranger.post(f"{path}address/", {"email": "evil@example.com"}).status_code == 403
    mine = device(path, "4321")
    assert 'action="' + path + 'address/"' in page(mine.get(path))
    assert mine.post(f"{path}address/", {"email": " Li@Partner.example "}).status_code == 302
    with tenant(desk.firm.pk):
        assert Person.objects.get(name="李静").email == "li@partner.example"
        [entry] = AuditEntry.objects.filter(action="partner_contact.changed")
        assert (entry.actor_label, entry.after) == ("李静", {"email": "li@partner.example"})
    assert "address/" not in page(mine.get(path))
    proof = mine.cookies["workbench"].value
    with pytest.raises(Conflict) as refused:
        workbench.keep_address(desk.firm.code, link.code, proof=proof, email="evil@example.com")
    assert refused.value.code == "email_known"
    with pytest.raises(Invalid):
        workbench.keep_address(desk.firm.code, link.code, proof=proof, email="nothing")
    with tenant(desk.firm.pk):
        assert Person.objects.get(name="李静").email == "li@partner.example"


@pytest.mark.parametrize("known", [True, False])
def test_u11_a_member_of_a_joined_enterprise_gets_their_own_workbench_by_mail(desk, known, monkeypatch):
    """From the console of the downstream: to one's own address, and only if it is one of a person there."""
    down = factories.enterprise("澜语零售")
    with tenant(desk.firm.pk):
        code = bridges.offer(desk.admin, partner=desk.seat.partner)[1]
    with tenant(down.pk):
        joined = bridges.join(factories.super_admin(down), code=code)
        member = factories.member()
    if known:
        with tenant(desk.firm.pk):
            people.edit_person(desk.admin, seat=desk.silent, changes={"email": member.email})
    asked = []
    monkeypatch.setattr(tasks.mail_workbench_links, "delay", lambda *args: asked.append(args))
    client = guest()
    client.force_login(member.user)
    home = f"/e/{down.code}/joined-spaces/{joined.pk}/"
    assert client.post(f"{home}workbench/").status_code == 302
    tasks.mail_workbench_links(*asked.pop())
    assert [to for to, _mail in desk.box.messages] == ([[member.email]] if known else [])
    assert member.email in client.get(home).content.decode(), "the same words either way"
    api = factories.api_client(down, member)
    answer = api.post(f"/api/v1/joined-spaces/{joined.pk}/workbench")
    assert (answer.status_code, answer.json()) == (202, {"email": member.email})
    assert asked == [(desk.firm.code, member.email, "127.0.0.1", "en")]
    with tenant(desk.firm.pk):
        bridges.end(desk.admin, partner=desk.seat.partner)
    with tenant(down.pk):
        bridges.follow(down)
    assert api.post(f"/api/v1/joined-spaces/{joined.pk}/workbench").json()["code"] == "ended"
