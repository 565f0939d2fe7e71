"""C14 in the console."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common import clock
from common.tenancy import tenant
from contacts.models import FollowUp, FollowUpFile
from contacts.services import follow_ups
from tests import factories


@pytest.fixture
def console(enterprise):
    browser = Client()
    with tenant(enterprise.pk):
        browser.force_login(factories.super_admin(enterprise).member.user)
    browser.cookies["language"] = "en"
    return browser


@pytest.fixture
def contact(enterprise):
    with tenant(enterprise.pk):
        return factories.contact(factories.super_admin(enterprise), name="王小明")


def test_c14_write_with_a_file_then_carry_out_and_change(console, contact, enterprise):
    write = reverse("contact-follow-up", kwargs={"code": enterprise.code, "pk": contact.pk})
    upload = SimpleUploadedFile("a.txt", "三件".encode())
    tomorrow = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    answer = console.post(write, {"kind": "call", "text": "<b>报价</b>", "next_at": tomorrow, "file": upload})
    assert answer.status_code == 302
    page = console.get(answer["Location"]).content.decode()
    assert "&lt;b&gt;报价&lt;/b&gt;" in page and "a.txt" in page
    with tenant(enterprise.pk):
        planned = FollowUp.objects.get()
        file = FollowUpFile.objects.get()
    where = {"code": enterprise.code, "pk": planned.pk}
    fetched = console.get(reverse("follow-up-file", kwargs={**where, "file_id": file.pk}))
    assert b"".join(fetched.streaming_content).decode() == "三件"
    assert "王小明" in console.get(reverse("follow-ups", kwargs={"code": enterprise.code})).content.decode()
    answer = console.post(f"{write}?closes={planned.pk}", {"kind": "visit", "text": "成交"})
    assert answer.status_code == 302
    with tenant(enterprise.pk):
        planned.refresh_from_db()
        assert planned.done_at is not None
    assert console.post(reverse("follow-up", kwargs=where), {"kind": "call", "text": "改"}).status_code == 302
    assert console.post(reverse("follow-up", kwargs=where), {"kind": "call", "text": ""}).status_code == 400
    assert console.post(reverse("follow-up-files", kwargs=where), {"file": upload}).status_code == 302
    assert console.post(reverse("follow-up", kwargs=where), {"action": "delete"}).status_code == 302
    with tenant(enterprise.pk):
        assert FollowUp.objects.get().text == "成交"


def test_c14_a_wrong_file_keeps_the_input_and_writes_nothing(console, contact, enterprise):
    write = reverse("contact-follow-up", kwargs={"code": enterprise.code, "pk": contact.pk})
    bad = SimpleUploadedFile("a.pdf", b"MZ")
    answer = console.post(write, {"kind": "call", "text": "保留的内容", "file": bad})
    assert answer.status_code == 415 and "保留的内容" in answer.content.decode()
    with tenant(enterprise.pk):
        assert not FollowUp.objects.exists()


def test_c14_the_calendar_address_is_shown_once(console, enterprise):
    address = reverse("calendar", kwargs={"code": enterprise.code})
    made = console.post(address)
    assert made["Cache-Control"] == "no-store" and f"/calendar/{enterprise.code}/" in made.content.decode()
    page = console.get(reverse("follow-ups", kwargs={"code": enterprise.code})).content.decode()
    assert f"/calendar/{enterprise.code}/" not in page and "Revoke" in page
    console.post(address, {"action": "revoke"})
    assert "Revoke" not in console.get(reverse("follow-ups", kwargs={"code": enterprise.code})).content.decode()


@pytest.mark.parametrize("path", ["follow-ups/", "contacts/{}/follow-ups/"])
def test_c14_pages_take_a_constant_number_of_queries(path, console, contact, enterprise):
    address = f"/e/{enterprise.code}/{path.format(contact.pk)}"
    console.get(address)
    counts = []
    for total in (1, 3):
        with tenant(enterprise.pk):
            actor = factories.super_admin(enterprise)
            while FollowUp.objects.count() < total:
                follow_ups.write(actor, contact=contact, text="x", next_at=clock.now())
        with CaptureQueriesContext(connection) as queries:
            page = console.get(address).content.decode()
        assert page.count('<article class="follow-up') == total
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16  # with the test's own savepoint
