"""Mails of notifications, through a real SMTP server on loopback (Q13)."""

import email
from collections.abc import Iterator
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.tenancy import tenant
from enterprises.models import Enterprise, Member, User
from jobs import notifications
from jobs.models import Delivery
from jobs.sending import worker
from tests import factories

pytestmark = pytest.mark.usefixtures("committed_db")


class Mailbox:
    """What the SMTP server took in; `answer` is what it says to each mail."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.answers: list[str] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.raw.append(envelope.content)
        parsed = email.message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((envelope.rcpt_tos, parsed))
        return "250 OK"


class Server(Controller):
    """On a port that the system chose; the controller's own first knock must know it, too."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Server(box, hostname="127.0.0.1", port=0)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.PUBLIC_URL = "https://scrm.example.com"
    yield box
    controller.stop()


@pytest.fixture
def firm() -> Enterprise:
    return factories.enterprise("星河零售")


def tell(firm: Enterprise, *members: Member, key: str = "k", kind: str = "quota.threshold", **data) -> None:
    data = {"percent": 80, "threshold": 80, "served": 1600, "capacity": 2000, **data}
    with tenant(firm.pk):
        people = members or [factories.super_admin(firm).member]
        notifications.notify(people, kind=kind, key=key, data=data)


def deliveries(firm: Enterprise) -> list[Delivery]:
    with tenant(firm.pk):
        return list(Delivery.objects.order_by("created_at", "id"))


def subject(message: EmailMessage) -> str:
    return str(make_header(decode_header(message["Subject"]))).strip()


def parts(message: EmailMessage) -> dict[str, str]:
    return {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}


def test_q13_a_mail_in_the_member_s_language_and_the_enterprise_s_time(firm, mailbox):
    with tenant(firm.pk):
        chinese = factories.super_admin(firm).member
        english = factories.member("Ann Lee", role="super_admin")
        User.objects.filter(pk=english.user_id).update(language="en")
    tell(firm, chinese, english)
    assert worker.deliver(firm.pk) is False
    mails = {rcpt[0]: message for rcpt, message in mailbox.messages}
    assert set(mails) == {chinese.email, english.email}
    assert subject(mails[chinese.email]) == "[星河零售] 规模已使用 80%：1600 / 2000 人。"
    assert subject(mails[english.email]) == "[星河零售] 80% of the scale is used: 1600 of 2000 contacts."
    found = parts(mails[english.email])
    assert set(found) == {"text/plain", "text/html"}
    [delivery] = [row for row in deliveries(firm) if str(row.pk) in mails[english.email]["Message-ID"]]
    local = delivery.created_at.astimezone(ZoneInfo("Asia/Shanghai"))
    for text in found.values():
        assert "80% of the scale is used: 1600 of 2000 contacts." in text and "Ann Lee" in text
        assert f"https://scrm.example.com/e/{firm.code}/scale/" in text
        assert f"https://scrm.example.com/e/{firm.code}/notifications/preferences/" in text
        assert local.strftime("%Y-%m-%d %H:%M") in text
    assert "您好" in parts(mails[chinese.email])["text/plain"]
    assert mails[english.email]["Auto-Submitted"] == "auto-generated"
    assert [(row.state, row.tries, len(row.attempts)) for row in deliveries(firm)] == [("delivered", 1, 1)] * 2


def test_a_name_cannot_add_a_header_or_markup(firm, mailbox):
    """Mail header injection and HTML injection through names that people choose."""
    evil = "x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>"
    Enterprise.objects.filter(pk=firm.pk).update(name=evil)
    with tenant(firm.pk):
        member = factories.super_admin(firm).member
        Member.objects.filter(pk=member.pk).update(name=evil[:64])
    tell(firm, kind="webhook.gone", name=evil, webhook="w")
    worker.deliver(firm.pk)
    [(rcpt, message)] = mailbox.messages
    assert rcpt == [member.email] and message["Bcc"] is None
    assert "\n" not in subject(message) and "Bcc: victim@example.com" in subject(message)
    assert {name.lower() for name in message} == {
        "content-type", "mime-version", "subject", "from", "to", "date", "message-id", "auto-submitted",
        "list-unsubscribe",
    }  # fmt: skip
    assert "<script>" not in parts(message)["text/html"]


def test_x6_the_mail_server_is_away_then_back(firm, mailbox, settings):
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 1  # nobody listens
    tell(firm)
    worker.deliver(firm.pk)
    [row] = deliveries(firm)
    assert (row.state, row.tries, row.attempts[0]["error"]) == ("waiting", 1, "no_connection")
    settings.EMAIL_PORT = port
    assert worker.deliver(firm.pk) is False and mailbox.messages == []  # not due yet
    with tenant(firm.pk):
        Delivery.objects.update(due_at=row.created_at)
    worker.deliver(firm.pk)
    [row] = deliveries(firm)
    assert (row.state, row.tries, [attempt["error"] for attempt in row.attempts]) == (
        "delivered",
        2,
        ["no_connection", ""],
    )
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("answer", "state"), [("451 Try later", "waiting"), ("550 No such mailbox", "failed"), ("552 Full", "failed")]
)
def test_what_the_mail_server_refuses_for_good_is_given_up(firm, mailbox, answer, state):
    mailbox.answers = [answer]
    tell(firm)
    worker.deliver(firm.pk)
    [row] = deliveries(firm)
    assert (row.state, row.attempts[0]["status"]) == (state, int(answer[:3]))
    assert answer[4:] in row.attempts[0]["answer"]


def test_who_left_or_has_no_address_gets_none(firm, mailbox):
    with tenant(firm.pk):
        left = factories.member("走了", role="super_admin")
        closed = factories.member("封号", role="super_admin")
        nowhere = Member.objects.create(userid="n", name="无邮箱", role=left.role)
        stays = factories.super_admin(firm).member
    tell(firm, left, closed, nowhere, stays)
    with tenant(firm.pk):
        Member.objects.filter(pk=left.pk).update(status=Member.Status.RESIGNED)
    User.objects.filter(pk=closed.user_id).update(is_active=False)
    worker.deliver(firm.pk)
    assert [rcpt for rcpt, _message in mailbox.messages] == [[stays.email]]
    assert sorted(row.state for row in deliveries(firm)) == ["cancelled"] * 3 + ["delivered"]


def test_a_suspended_enterprise_mails_nothing_until_it_goes_on(firm, mailbox):
    tell(firm)
    Enterprise.objects.filter(pk=firm.pk).update(status="suspended")
    assert worker.deliver(firm.pk) is False
    assert mailbox.messages == [] and deliveries(firm)[0].state == "waiting"
    Enterprise.objects.filter(pk=firm.pk).update(status="active")
    worker.deliver(firm.pk)
    assert len(mailbox.messages) == 1


def test_another_enterprise_s_worker_does_not_touch_it(firm, mailbox):
    other = factories.enterprise("别家")
    tell(firm)
    worker.deliver(other.pk)
    assert mailbox.messages == []


# --- The log --------------------------------------------------------------------------------------------------


def test_q13_admins_see_whether_a_mail_went_out_and_not_what_it_says(firm, mailbox):
    with tenant(firm.pk):
        first = factories.super_admin(firm).member
        second = factories.member("Ann Lee", role="super_admin")
    tell(firm, first, key="a")
    worker.deliver(firm.pk)
    mailbox.answers = ["550 no such mailbox"]
    tell(firm, second, key="b")
    worker.deliver(firm.pk)
    api = factories.api_client(firm)
    listed = api.get("/api/v1/mails").json()["results"]
    assert [(one["member"]["name"], one["state"], one["event"]) for one in listed] == [
        ("Ann Lee", "failed", "quota.threshold"),
        (first.name, "delivered", "quota.threshold"),
    ]
    assert [(one["status"], one["error"]) for one in listed[0]["attempts"]] == [(550, "refused")]
    assert "1600" not in str(listed)
    for query, number in (
        ({"state": "failed"}, 1),
        ({"member": str(second.pk)}, 1),
        ({"member": str(first.pk), "state": "failed"}, 0),
        ({"member": str(firm.pk)}, 0),
    ):
        assert len(api.get("/api/v1/mails", query).json()["results"]) == number
    for bad in ({"state": "x"}, {"member": "x"}, {"to": "x"}):
        assert api.get("/api/v1/mails", bad).status_code == 400
    browser = Client()
    browser.force_login(User.objects.get(pk=first.user_id))
    path = f"/e/{firm.code}/alerts/mails/"
    page = browser.get(path, headers={"Accept-Language": "en"}).content.decode()
    assert "Ann Lee" in page and "550" in page and "1600" not in page
    shown = browser.get(path, {"state": "delivered"}).content.decode()
    assert shown.count('data-label="') == 6 and browser.get(path, {"state": "x"}).status_code == 400


def test_the_log_of_mails_costs_the_same_for_one_and_three(firm, mailbox):
    with tenant(firm.pk):
        user = factories.super_admin(firm).member.user
    api, browser = factories.api_client(firm), Client()
    browser.force_login(user)
    counted = []
    for key in ("warm", "a", "b", "c"):
        with CaptureQueriesContext(connection) as queries:
            api.get("/api/v1/mails")
            browser.get(f"/e/{firm.code}/alerts/mails/")
        counted.append(len(queries))
        tell(firm, key=key)
    assert counted[1] == counted[3]


def test_o5_another_enterprises_mails_are_not_in_the_log(firm, mailbox):
    tell(firm)
    other = factories.enterprise("别家")
    assert factories.api_client(other).get("/api/v1/mails").json()["results"] == []
