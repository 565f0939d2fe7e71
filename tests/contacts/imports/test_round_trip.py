"""Names of every kind survive import, list and export, and no spreadsheet runs any of them (C12)."""

import csv
import html
import io
import zipfile

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from common.formulas import looks_like_formula
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.exports import start_export
from jobs.runner import execute_run
from tests import factories
from tests.contacts.imports.conftest import as_csv

pytestmark = pytest.mark.django_db

NAMES = {
    "wm-html": "<script>alert(1)</script> & \"q\" 'a'",
    "wm-emoji": "小🎉明 👩‍👩‍👧‍👦 👍🏽",
    "wm-rtl": "محمد (علي)",
    "wm-four": "𠮷野家 𝒜𝒷 𐍈",
    "wm-wide": "ＡＢＣ王",
    "wm-marks": "é\u0301 ñ ß",
    "wm-equals": "=HYPERLINK(1)",
    "wm-plus": "+8613800138000",
    "wm-minus": "-2+3",
    "wm-at": "@SUM(1,9)",
    "wm-command": "=cmd|' /C calc'!A0",
}
HEADER = ("external_userid", "name", "remark", "company")


def exported(enterprise, extension):
    with tenant(enterprise.pk):
        run = start_export(factories.super_admin(enterprise), filter={}, format=extension)
    ended = execute_run(enterprise.pk, run.pk)
    assert ended.state == "done"
    with default_storage.open(ended.report) as file:
        return ended, file.read()


@pytest.fixture
def imported(enterprise, run_import):
    """All of them as name, remark and company."""
    run = run_import(as_csv(HEADER, *((key, name, name, name) for key, name in NAMES.items())))
    assert (run.result["created"], run.result["refused"]) == (len(NAMES), 0)
    return enterprise


def stored(enterprise):
    with tenant(enterprise.pk):
        return dict(Contact.objects.values_list("external_userid", "name"))


def test_c12_names_of_every_kind_are_kept_as_they_are(imported, api):
    assert stored(imported) == NAMES
    listed = api.get("/api/v1/contacts?page_size=50").json()["results"]
    assert {row["external_userid"]: (row["name"], row["remark"], row["company"]) for row in listed} == {
        key: (name, name, name) for key, name in NAMES.items()
    }


def test_c12_pages_show_them_as_text(imported):
    with tenant(imported.pk):
        user = factories.super_admin(imported).member.user
        ids = dict(Contact.objects.values_list("external_userid", "pk"))
    browser = Client()
    browser.force_login(user)
    for path in ("", f"{ids['wm-html']}/", "search/?search=script"):
        headers = {"HX-Request": "true"} if "search" in path else {}
        page = browser.get(f"/e/{imported.code}/contacts/{path}", headers=headers).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page, path
    page = html.unescape(browser.get(f"/e/{imported.code}/contacts/?page_size=50").content.decode())
    assert all(name in page for name in NAMES.values())


def test_c12_a_csv_runs_nothing_and_comes_back_as_it_was(imported, run_import):
    _run, content = exported(imported, "csv")
    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) for cell in row]
    assert not any(looks_like_formula(cell) for cell in cells if not cell.startswith("'"))
    again = run_import(content)
    assert (again.result["unchanged"], again.result["refused"]) == (len(NAMES), 0), again.result
    assert stored(imported) == NAMES


def test_c12_a_workbook_has_no_formula_and_comes_back_as_it_was(imported, run_import):
    _run, content = exported(imported, "xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = {name: package.read(name).decode() for name in package.namelist() if name.endswith(".xml")}
    assert not any("<f>" in text or "<f " in text for text in parts.values())
    again = run_import(content, name="f.xlsx")
    assert (again.result["unchanged"], again.result["refused"]) == (len(NAMES), 0), again.result
    assert stored(imported) == NAMES
