"""U9: the console's pages and the API of messages: writing with the live preview, sending, lists and what they cost."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from common import clock
from common.tenancy import tenant
from enterprises.models import AuditEntry
from tests import factories
from tests.upstream.conftest import make_partner, make_person
from upstream.models import Message, MessageDelivery
from upstream.services import members, message_export, messages, people

pytestmark = pytest.mark.django_db
LIST, ONE, DRAFT, NEW = 13, 14, 12, 12  # queries of the pages


@pytest.fixture
def browser(firm) -> Client:
    """The super admin's browser, and their API client as `firm.api`."""
    client = Client()
    client.force_login(firm.admin.member.user)
    client.cookies["language"] = "en"
    firm.open.close()
    firm.api = factories.api_client(firm.enterprise, firm.admin.member)
    firm.open.enter_context(tenant(firm.enterprise.pk))
    return client


def url(firm, path=""):
    return f"/e/{firm.enterprise.code}/space-messages/{path}"


def read(answer, status=200):
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def test_u9_compose_preview_save_send(firm, browser):
    firm.open.close()
    form = {"kind": "text", "title": "放假通知", "text": "明天放假", "spaces": [firm.brands.pk, firm.media.pk]}
    assert "品牌 / 一组" in read(browser.get(url(firm, "new/")))
    numbers = read(browser.post(url(firm, "preview/"), {**form, "but_persons": [firm.boss.person_id]}))
    assert ">2<" in numbers and "Excluded" in numbers and "another space" in numbers
    answer = browser.post(url(firm, "new/"), {**form, "but_partners": firm.far.pk})
    with tenant(firm.enterprise.pk):
        message = Message.objects.get()
    assert answer["Location"] == url(firm, f"{message.pk}/")
    page = read(browser.get(answer["Location"]))
    assert "Send it to 2 people now?" in page and "No member has to confirm" in page and "远" in page
    edit = read(browser.get(url(firm, f"{message.pk}/edit/")))
    assert f'value="{firm.far.pk}" checked' in edit and "放假通知" in edit
    browser.post(url(firm, f"{message.pk}/send/"))
    firm.open.enter_context(tenant(firm.enterprise.pk))
    firm.work()
    firm.open.close()
    page = read(browser.get(url(firm, f"{message.pk}/")))
    assert "老板" in page and "两处" in page and "远人" not in page
    assert "100" in page and "Sent" in page
    assert read(browser.get(url(firm, f"{message.pk}/?state=opened"))).count("老板") == 0
    assert "放假通知" in read(browser.get(url(firm)))


def test_u9_while_it_is_sent_the_funnel_renews_itself_and_ends_doing_so(firm, browser):
    message = firm.draft()
    firm.send(message)
    firm.open.close()
    assert 'hx-trigger="every 1s"' in read(browser.get(url(firm, f"{message.pk}/"), headers={"HX-Request": "true"}))
    firm.open.enter_context(tenant(firm.enterprise.pk))
    firm.work()
    firm.open.close()
    ended = browser.get(url(firm, f"{message.pk}/"), headers={"HX-Request": "true"})
    assert "every 1s" not in read(ended, 286)


def test_u9_partners_and_people_are_picked_by_name(firm, browser):
    firm.open.close()
    ask = {"field": "partners", "search": "jin"}
    assert str(firm.near.pk) in read(browser.get(url(firm, "pick/"), ask))
    assert str(firm.far.pk) not in read(browser.get(url(firm, "pick/"), ask))
    box = browser.get(url(firm, "pick/"), {"field": "but_persons", "id": str(firm.boss.person_id)})
    assert f'name="but_persons" value="{firm.boss.person_id}" checked' in read(box)
    assert box["HX-Trigger-After-Swap"] == "picked"
    assert "checkbox" not in read(browser.get(url(firm, "pick/"), {"field": "partners", "id": "no id"}))
    read(browser.get(url(firm, "pick/"), {"field": "spaces", "search": "x"}), 404)


def test_u9_a_schedule_is_in_the_enterprises_time_and_can_be_taken_back(firm, browser):
    message = firm.draft()
    firm.open.close()
    due = clock.now() + timedelta(days=1)
    local = timezone.localtime(due, timezone.zoneinfo.ZoneInfo(firm.enterprise.timezone))
    browser.post(url(firm, f"{message.pk}/send/"), {"at": f"{local:%Y-%m-%dT%H:%M}"})
    with tenant(firm.enterprise.pk):
        message.refresh_from_db()
    assert message.state == "scheduled" and message.due_at == due.replace(second=0, microsecond=0)
    assert "Do not send yet" in read(browser.get(url(firm, f"{message.pk}/")))
    browser.post(url(firm, f"{message.pk}/stop/"))
    with tenant(firm.enterprise.pk):
        message.refresh_from_db()
    assert (message.state, message.due_at) == ("draft", None)
    for wrong in ("", "yesterday"):
        browser.post(url(firm, f"{message.pk}/send/"), {"at": wrong})
    browser.post(url(firm, f"{message.pk}/delete/"))
    with tenant(firm.enterprise.pk):
        assert not Message.objects.exists()


def test_u9_what_is_wrong_stands_at_its_field(firm, browser):
    firm.open.close()
    bad = {"kind": "link", "title": "x", "url": "javascript:alert(1)", "partners": [firm.near.pk]}
    page = read(browser.post(url(firm, "new/"), bad), 400)
    assert "Enter an address such as" in page and f'value="{firm.near.pk}" checked' in page
    upload = {"kind": "file", "title": "x", "file": SimpleUploadedFile("run.exe", b"MZ")}
    assert "Files of this sort are not sent" in read(browser.post(url(firm, "new/"), upload), 400)
    with tenant(firm.enterprise.pk):
        assert not Message.objects.exists()


def test_u9_x1_the_api_does_the_same(firm, browser):
    firm.open.close()

    def call(method, path, body=None, status=200):
        answer = firm.api.generic(method, f"/api/v1/{path}", *_json(body))
        assert answer.status_code == status, answer.content.decode()
        return answer.json() if answer.content else None

    found = call("POST", "space-messages/preview", {"spaces": [firm.brands.pk], "but_persons": [firm.boss.person_id]})
    assert found == {
        "people": 2,
        "without_workbench": 2,
        "left_out": {"excluded": 1, "unseen": 0, "duplicate": 0},
    }
    made = call("POST", f"spaces/{firm.brands.pk}/messages", {"title": "通知", "kind": "file"}, 201)
    assert made["audience"]["spaces"] == [str(firm.brands.pk)] and made["state"] == "draft"
    path = f"space-messages/{made['id']}"
    upload = firm.api.post(f"/api/v1/{path}/file", {"file": SimpleUploadedFile("价.pdf", b"%PDF")})
    assert upload.json()["file_name"] == "价.pdf"
    call("PATCH", path, {"audience": {"spaces": [firm.brands.pk], "kinds": ["brand"]}})
    assert call("POST", f"{path}/resume", {}, 409)["code"] == "not_stopped"
    assert call("POST", f"{path}/send", {}, 202)["state"] == "sending"
    firm.open.enter_context(tenant(firm.enterprise.pk))
    firm.work()
    firm.open.close()
    done = call("GET", path)
    assert (done["state"], done["people"], done["delivered"], done["opened"]) == ("sent", 2, 2, 0)
    rows = call("GET", f"{path}/deliveries?state=delivered")["results"]
    assert {row["person"]["name"] for row in rows} == {"两处", "老板"}
    assert {row["partner"]["name"] for row in rows} == {"近"}
    assert call("GET", f"spaces/{firm.media.pk}/messages")["results"] == []
    assert len(call("GET", f"space-messages?space={firm.brands.pk}&state=sent")["results"]) == 1
    assert call("GET", "space-messages?spce=x", status=400)["code"] == "unknown_filter"
    assert call("DELETE", path, status=409)["code"] == "not_a_draft"


def _json(body):
    import json

    return json.dumps(body or {}, default=str), "application/json"


def test_u9_the_rows_are_a_file_in_steps_and_only_of_whom_the_asker_sees(firm, browser, monkeypatch):
    monkeypatch.setattr(message_export, "STEP", 2)
    message = firm.draft()
    firm.send(message)
    firm.work()
    people.remove_person(firm.admin, seat=firm.twin)
    clerk = factories.acting(
        firm.enterprise, factories.member(role=factories.role("spaces.message", "spaces.manage", scope="related"))
    )
    members.add_members(firm.admin, space=firm.brands, members=[clerk.member])
    firm.open.close()
    browser.post(url(firm, f"{message.pk}/export/"))
    firm.open.enter_context(tenant(firm.enterprise.pk))
    [run] = firm.work(message_export.JOB)
    assert (run.state, run.result) == ("done", {"rows": 3})
    with default_storage.open(run.report) as file:
        lines = file.read().decode("utf-8-sig").splitlines()
    entry = AuditEntry.objects.get(action="space_message.exported")
    assert (entry.subject_id, entry.subject_label, entry.after) == (message.pk, message.title, {"rows": 3})
    assert len(lines) == 4 and sorted(line.split(",")[0] for line in lines[1:]) == ["两处", "老板", "远人"]
    Message.objects.filter(pk=message.pk).update(space_ids=[firm.media.pk])  # now it is none of the clerk's
    message_export.start_export(clerk, message=message)
    [run] = firm.work(message_export.JOB)
    assert (run.state, run.error["code"], run.report) == ("failed", "not_found", "")


@pytest.mark.parametrize("rows", [1, 3])
def test_u9_lists_cost_the_same_however_many_there_are(firm, browser, rows, django_assert_num_queries):
    targets = {"spaces": [firm.brands.pk], "but_partners": [firm.paper.pk]}
    partner = make_partner(firm.admin, firm.media)
    for number in range(rows):
        make_person(firm.admin, partner, f"读者{number}")
        message = firm.draft(title=f"通知{number}", audience=targets)
    bulk = messages.create_message(firm.admin, title="x", text="x", audience={"partners": [partner.pk]})
    firm.send(bulk)
    firm.work()
    firm.open.close()
    costs = {
        url(firm): LIST,
        url(firm, f"{bulk.pk}/"): ONE,
        url(firm, f"{message.pk}/"): DRAFT,
        url(firm, "new/"): NEW,
    }
    for address, cost in costs.items():
        browser.get(address)
        with django_assert_num_queries(cost):
            read(browser.get(address))
    for path, cost in (("space-messages", 6), (f"space-messages/{bulk.pk}/deliveries", 8)):
        firm.api.get(f"/api/v1/{path}")
        with django_assert_num_queries(cost):
            assert firm.api.get(f"/api/v1/{path}").status_code == 200
    with tenant(firm.enterprise.pk):
        assert MessageDelivery.objects.count() == rows
