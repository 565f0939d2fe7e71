"""U9, U11: messages in the partner's workbench, who opened and followed them, and attacks on that."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from common.tenancy import tenant
from enterprises.models import AuditEntry
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from tests.upstream.messaging import consistent
from tests.upstream.test_sharing import Guest
from upstream.models import Message, MessageDelivery
from upstream.services import members, people, workbench

pytestmark = pytest.mark.django_db
PHONE = "13812345678"


class Reader(Guest):
    """A device of somebody, with the digits entered."""

    def __init__(self, firm, seat, *, locked=False):
        super().__init__(firm.enterprise, workbench.issue_link(firm.admin, seat=seat))
        firm.open.close()
        if not locked:
            self.unlock()

    def read(self, message):
        return self.client.get(f"{self.url}messages/{message.pk}/")

    def follow(self, message):
        return self.client.get(f"{self.url}messages/{message.pk}/go/")


def sent(firm, **fields):
    message = firm.draft(**fields)
    firm.send(message)
    firm.work()
    return message


def looking(firm):
    """The scope again, to see what is kept."""
    return tenant(firm.enterprise.pk)


def test_u9_the_newest_is_first_and_marked_until_it_is_read(firm):
    first, second = sent(firm, title="早的消息", text="一"), sent(firm, title="晚的消息", text="<b>二</b>")
    reader = Reader(firm, firm.both)
    text = reader.text
    assert text.index("晚的消息") < text.index("早的消息") and text.count("is-unread") == 2
    page = reader.read(second)
    assert page.status_code == 200 and "&lt;b&gt;二&lt;/b&gt;" in page.content.decode()
    assert reader.text.count("is-unread") == 1
    with looking(firm):
        assert (consistent(second).opened, consistent(first).opened) == (1, 0)


def test_u11_the_workbench_says_where_it_does_not_show_everything(firm, monkeypatch):
    sent(firm, title="早的消息"), sent(firm, title="晚的消息")
    reader = Reader(firm, firm.both)
    assert "只显示" not in reader.text
    monkeypatch.setattr(workbench, "SHOWN", 1)
    assert "晚的消息" in reader.text and "早的消息" not in reader.text
    assert reader.text.count("只显示最新的。") == 1


def test_u9_opening_and_following_count_once_for_a_person(firm):
    message = sent(firm, kind="link", url="https://example.com/a")
    reader = Reader(firm, firm.both)
    for _time in range(2):
        answer = reader.follow(message)
        assert (answer.status_code, answer["Location"]) == (302, "https://example.com/a")
        assert reader.read(message).status_code == 200
    with looking(firm):
        assert (consistent(message).opened, message.clicked) == (1, 1)
        assert MessageDelivery.objects.get(person=firm.both.person).state == "clicked"


def test_u9_a_file_is_downloaded_by_its_people_and_never_shown(firm):
    message = sent(firm, kind="file", file=SimpleUploadedFile("报价.pdf", b"%PDF<script>"))
    locked = Reader(firm, firm.both, locked=True)
    assert locked.follow(message).status_code == locked.read(message).status_code == 403
    locked.unlock()
    answer = locked.follow(message)
    assert b"".join(answer.streaming_content) == b"%PDF<script>"
    assert answer["Content-Type"] == "application/octet-stream" and "attachment" in answer["Content-Disposition"]
    with looking(firm):
        assert consistent(message).clicked == 1


def test_u9_mere_text_leads_nowhere(firm):
    message = sent(firm)
    assert Reader(firm, firm.both).follow(message).status_code == 404
    with looking(firm):
        assert consistent(message).opened == 0


def test_u9_messages_of_another_space_person_or_state_are_missing_ones(firm):
    """Of a space one is not in, to somebody else of one's own partner, not sent yet, or made up: one answer."""
    stranger = make_partner(firm.admin, make_space(firm.admin), "别家")
    make_person(firm.admin, stranger, "生人")
    others = sent(firm, title="别的空间", audience={"partners": [stranger.pk]})
    boss = sent(firm, title="只给老板", audience={"partners": [firm.near.pk], "leaders": True})
    draft = firm.draft(title="还是草稿")
    queued = firm.draft(title="还没送到")
    firm.send(queued)
    MessageDelivery.objects.create(message=queued, person=firm.both.person, seat_id=firm.both.pk)
    made_up = Message(title="x")
    reader = Reader(firm, firm.both)
    answers = [reader.read(one) for one in (others, boss, draft, queued, made_up)]
    answers += [reader.follow(one) for one in (others, boss, draft, queued, made_up)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({str(answer.context["refusal"]) for answer in answers}) == 1
    assert not any(word in reader.text for word in ("别的空间", "只给老板", "还是草稿", "还没送到"))
    with looking(firm):
        assert consistent(others).opened == consistent(boss).opened == 0


def test_u9_a_message_is_read_in_the_space_it_came_to_and_the_switch_shows_what_waits(firm):
    sent(firm, title="给媒体的", audience={"spaces": [firm.media.pk]})
    reader = Reader(firm, firm.both)
    here, there = reader.text, reader.look(f"?space={firm.media.pk}").content.decode()
    assert "给媒体的" not in here and "text-red-fg" in here and "给媒体的" in there


def test_u9_who_left_the_space_reads_nothing_of_it_any_more(firm):
    message = sent(firm)
    reader = Reader(firm, firm.both)
    with looking(firm):
        people.remove_person(firm.admin, seat=firm.both)
    assert reader.look().status_code == 200, "still in the other space"
    assert reader.read(message).status_code == 404 and "通知" not in reader.text


def test_u9_an_ended_link_a_foreign_proof_and_a_foreign_enterprise_open_nothing(
    other_enterprise,
    firm,
):
    message = sent(firm)
    neighbour = make_person(firm.admin, firm.near, "邻座", phone="13712345678")
    theirs = workbench.issue_link(firm.admin, seat=neighbour)
    mine = Reader(firm, firm.both)
    other = Guest(firm.enterprise, theirs)
    other.client.cookies["workbench"] = mine.client.cookies["workbench"].value
    assert other.client.get(f"{other.url}messages/{message.pk}/").status_code == 403
    elsewhere = mine.url.replace(firm.enterprise.code, other_enterprise.code)
    assert mine.client.get(f"{elsewhere}messages/{message.pk}/").status_code == 404
    with looking(firm):
        workbench.revoke_links(firm.admin, seat=firm.both)
    assert mine.read(message).status_code == mine.follow(message).status_code == 404
    with looking(firm):
        assert consistent(message).opened == 0


def test_u9_u6_what_was_delivered_stays_readable_when_rules_change(firm):
    """A message that came is one's own, whoever may write from now on."""
    message = sent(firm)
    members.create_rule(firm.admin, space=firm.brands, name="规则", members=[firm.admin.member], partners=[firm.far])
    assert Reader(firm, firm.both).read(message).status_code == 200


def test_u9_what_is_withdrawn_is_gone_from_the_workbench_at_once_and_for_good(firm):
    wang = make_person(firm.admin, firm.near, "小王", phone="13912345678")
    message, kept = sent(firm, title="发错了", kind="file", file=SimpleUploadedFile("a.pdf", b"%PDF-")), sent(firm)
    made_up = Message(title="x")
    read = Reader(firm, firm.both)
    firm.open.enter_context(tenant(firm.enterprise.pk))
    unread = Reader(firm, wang)
    assert read.read(message).status_code == 200 and unread.text.count("is-unread") == 2
    api = factories.api_client(firm.enterprise)
    path = f"/api/v1/space-messages/{message.pk}"
    first = api.post(f"{path}/withdraw").json()
    assert first["withdrawn_at"] is not None and first["state"] == "sent"
    assert api.post(f"{path}/withdraw").json()["withdrawn_at"] == first["withdrawn_at"]
    for reader in (read, unread):
        answers = [reader.read(message), reader.follow(message), reader.read(made_up)]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert "发错了" not in reader.text
    assert unread.text.count("is-unread") == 1 and read.read(kept).status_code == 200
    with looking(firm):
        assert (consistent(message).opened, message.clicked, message.delivered) == (1, 0, 4), "the numbers stay"
        entry = AuditEntry.objects.get(action="space_message.withdrawn")
        assert (entry.subject_id, entry.after) == (message.pk, {"delivered": 4})
    browser = Client()
    with looking(firm):
        browser.force_login(firm.admin.member.user)
    pages = f"/e/{firm.enterprise.code}/space-messages/"
    page = browser.get(f"{pages}{message.pk}/").content.decode()
    assert "#withdraw" not in page and "/resume/" not in page
    assert "#withdraw" in browser.get(f"{pages}{kept.pk}/").content.decode()
    assert browser.post(f"{pages}{kept.pk}/withdraw/").status_code == 302
    assert read.read(kept).status_code == 404
