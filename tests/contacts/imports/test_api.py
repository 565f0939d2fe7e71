"""Imports and exports by REST, and the console's wizard (C12, X1)."""

import csv
import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from common.tenancy import tenant
from contacts.models import Contact
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.contacts.imports.conftest import as_csv

pytestmark = pytest.mark.django_db

GOOD = as_csv(("external_userid", "name"), ("wm1", "=1+1"), ("wm2", "王小明"))


def upload(content: bytes = GOOD, name: str = "客户.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_c12_upload_job_result_and_export_round_trip(enterprise, api):
    answer = api.post("/api/v1/imports", {"file": upload(), "kind": "contacts", "on_full": "partial"})
    assert answer.status_code == 202, answer.content
    execute_run(enterprise.pk, answer.json()["job"])
    with tenant(enterprise.pk):
        assert Contact.objects.count() == 2
    answer = api.post("/api/v1/exports", {"filter": {"status": "active"}}, content_type="application/json")
    assert answer.status_code == 202
    run = execute_run(enterprise.pk, answer.json()["job"])
    assert (run.state, run.result) == ("done", {"rows": 2})
    with default_storage.open(run.report) as file:
        rows = list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"))))
    names = {row[0]: row[1] for row in rows[1:]}
    assert names == {"wm1": "'=1+1", "wm2": "王小明"}  # no spreadsheet runs a formula from our file


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "contacts"}, "invalid"),
        ({"kind": "nothing", "file": "good"}, "invalid"),
        ({"kind": "contacts", "file": "empty"}, "empty"),
        ({"kind": "contacts", "file": "pdf"}, "unsupported_type"),
        ({"kind": "purchases", "file": "good"}, "missing_columns"),
        ({"kind": "contacts", "file": "good", "mapping": '{"colour": "name"}'}, "unknown_column"),
        ({"kind": "contacts", "file": "good", "mapping": '{"name": "no such"}'}, "unknown_header"),
        ({"kind": "contacts", "file": "good", "mapping": "[1]"}, "invalid"),
        ({"kind": "contacts", "file": "good", "on_full": "maybe"}, "invalid"),
    ],
)
def test_c12_a_bad_request_is_refused_and_leaves_nothing(enterprise, api, body, code):
    files = {"good": upload(), "empty": upload(b""), "pdf": upload(b"%PDF", "f.pdf")}
    answer = api.post("/api/v1/imports", {**body, **({"file": files[body["file"]]} if "file" in body else {})})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()
    assert not default_storage.exists(f"jobs/{enterprise.pk}") or not any(
        default_storage.listdir(f"jobs/{enterprise.pk}/{run}")[1]
        for run in default_storage.listdir(f"jobs/{enterprise.pk}")[0]
    )


def test_x1_staff_without_the_permission_is_refused_and_nothing_is_stored(enterprise):
    with tenant(enterprise.pk):
        staff = factories.member()
    client = factories.api_client(enterprise, staff)
    assert client.post("/api/v1/imports", {"file": upload(), "kind": "contacts"}).status_code == 403
    assert client.post("/api/v1/exports", {}, content_type="application/json").status_code == 403
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_c12_the_wizard_uploads_checks_and_starts(enterprise, client):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.user
    client.force_login(admin)
    address = reverse("imports", kwargs={"code": enterprise.code})
    assert client.get(address).status_code == 200
    answer = client.post(address, {"kind": "contacts", "file": upload(as_csv(("编号", "称呼"), ("wm1", "王小明")))})
    assert answer.status_code == 302
    page = client.get(answer["Location"])
    assert "王小明" in page.content.decode()
    choice = {"column_external_userid": "编号", "column_name": "称呼", "on_full": "partial"}
    started = client.post(answer["Location"], choice)
    assert started.status_code == 302
    with tenant(enterprise.pk):
        run = JobRun.objects.get()
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        assert list(Contact.objects.values_list("external_userid", "name")) == [("wm1", "王小明")]


def test_o5_an_upload_is_good_for_nobody_else(enterprise, other_enterprise, client):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.user
        colleague = factories.member(role="super_admin").user
    with tenant(other_enterprise.pk):
        stranger = factories.super_admin(other_enterprise).member.user
    client.force_login(admin)
    address = reverse("imports", kwargs={"code": enterprise.code})
    where = client.post(address, {"kind": "contacts", "file": upload()})["Location"]
    client.force_login(colleague)
    assert client.get(where).status_code == 404
    client.force_login(stranger)
    assert client.get(where).status_code == 404
    assert client.get(where.replace(enterprise.code, other_enterprise.code)).status_code == 404
