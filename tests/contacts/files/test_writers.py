"""C12: files for people, which no spreadsheet runs, and the report of refused rows."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.utils.translation import override
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.formulas import neutralise, restore
from contacts.files.reasons import Reason, RowRefused
from contacts.files.writers import CsvWriter, RefusalReport, XlsxWriter, content_disposition, open_writer
from tests.contacts.files.samples import read

SHANGHAI = ZoneInfo("Asia/Shanghai")
ATTACKS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", " =1", "'=1", "''-1",
           "−1", "=HYPERLINK(\"http://x\")", "+8613800138000", "-", "=cmd|'/c calc'!A1", "\u3000=1"]  # fmt: skip


def written(extension, header, *rows, **options) -> bytes:
    stream = io.BytesIO()
    writer = XlsxWriter if extension == "xlsx" else CsvWriter
    with writer(stream, zone=SHANGHAI, **options) as target:
        target.write_header(header)
        target.write_rows(rows)
    return stream.getvalue()


def test_c12_csv_opens_in_excel():
    data = written("csv", ["客户ID", "金额"], ["wm1", Decimal("-1234.50")], ['王,"x"', None])
    assert data.decode("utf-8-sig").splitlines() == ["客户ID,金额", "wm1,-1234.50", '"王,""x""",']
    assert data.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_c12_values_come_back(extension):
    moment, day = datetime(2026, 1, 31, 10, 30, 5, tzinfo=UTC), date(2026, 2, 1)
    row = ["wm1", 12, Decimal("0.50"), moment, day, ["a", "b"], True, None, 10**17, "13800138000", "00123", "1e5"]
    data = written(extension, [f"h{n}" for n in range(len(row))], row)
    cells = read(data, f"a.{extension}")[1][0][1]
    assert cells == [
        "wm1",
        "12",
        "0.50" if extension == "csv" else "0.5",
        "2026-01-31 18:30:05" if extension == "csv" else "2026-01-31T18:30:05",
        "2026-02-01",
        "a; b",
        "TRUE",
        "",
        "100000000000000000",
        "13800138000",
        "00123",
        "1e5",
    ]


@pytest.mark.parametrize("text", ATTACKS)
def test_c12_no_csv_cell_starts_as_a_formula(text):
    data = written("csv", [text, "b"], [text, "x"])
    for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
        assert row[0] == "'" + text
    assert read(written("csv", ["a", "b"], [text, "x"]))[1][0][1] == [text, "x"]


@pytest.mark.parametrize("text", ATTACKS)
def test_c12_no_xlsx_cell_is_a_formula(text):
    data = written("xlsx", ["a", text], ["x", text])
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "hyperlink" not in sheet
    cell = openpyxl.load_workbook(io.BytesIO(data)).active["B2"]
    assert cell.data_type in ("s", "f")  # openpyxl takes any text with = for a formula, its file type aside
    assert cell.quotePrefix
    assert read(data, "a.xlsx")[1] == [(2, ["x", text])]


def test_c12_numbers_in_xlsx_are_numbers_and_text_is_text():
    data = written("xlsx", ["a", "b", "c", "d"], [Decimal("-5.50"), "5", "http://example.com", "=1"])
    row = openpyxl.load_workbook(io.BytesIO(data)).active[2]
    assert [cell.data_type for cell in row[:3]] == ["n", "s", "s"]
    assert row[0].value == -5.5
    assert row[2].hyperlink is None


def test_c12_a_full_sheet_is_followed_by_another():
    data = written("xlsx", ["id"], *[[f"wm{n}"] for n in range(7)], sheet_rows=4)
    sheets = openpyxl.load_workbook(io.BytesIO(data)).worksheets
    assert [[cell.value for cell in sheet["A"]] for sheet in sheets] == [
        ["id", "wm0", "wm1", "wm2"],
        ["id", "wm3", "wm4", "wm5"],
        ["id", "wm6"],
    ]


def test_c12_a_text_too_long_for_a_cell_is_cut_not_lost():
    data = written("xlsx", ["a"], ["x" * 40_000])
    assert read(data, "a.xlsx")[1][0][1][0] == "x" * 32_766 + "…"


# Text as it can be in a database: no NUL (which PostgreSQL refuses) and no halves of characters.
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
hostile = st.sampled_from(
    [*ATTACKS, '"', "a\nb", "a\r\nb", "\r", "😀", "𠮷", "مرحبا", "\u202e", "_x000D_", "1e5", "a;b", ","]
)
cells = st.one_of(texts, hostile)


@settings(max_examples=150)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=5))
@example([["\ufffe", "\uffff", "\x85"], ["_x0041_", "\x1f", "\u2028"]])
def test_c12_what_is_written_is_read(rows):
    expected = [row for row in rows if "".join(row) and not "".join(row).isspace()]
    header = ["id", "姓名", "c"]
    assert [row for _, row in read(written("csv", header, *rows))[1]] == expected
    sheet = [[cell.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd") for cell in row] for row in expected]
    assert [row for _, row in read(written("xlsx", header, *rows), "a.xlsx")[1]] == sheet


@given(texts | hostile)
def test_c12_neutral_text_is_no_formula_and_can_be_restored(text):
    neutral = neutralise(text)
    assert restore(neutral) == text
    assert not neutral.startswith(tuple("=+-@\t\r\n＝＋－＠"))


def test_c12_the_report_of_refused_rows():
    stream = io.BytesIO()
    with override("en"), open_writer("csv", stream, zone=SHANGHAI) as writer:
        report = RefusalReport(writer, ["客户ID", "金额"])
        report.add(3, ["wm1", "=1+1"], RowRefused(Reason.BAD_AMOUNT, "amount", "=1+1"))
        report.add(7, ["", "5"], RowRefused(Reason.MISSING_ID, "external_userid"))
        report.add(9, ["raw \ufffd line"], RowRefused(Reason.BAD_ENCODING))
    assert report.counts == {"bad_amount": 1, "missing_id": 1, "bad_encoding": 1}
    header, rows, _ = read(stream.getvalue())
    assert header[4:] == ["客户ID", "金额"]
    with override("en"):
        texts_ = [str(reason.label) for reason in (Reason.BAD_AMOUNT, Reason.MISSING_ID, Reason.BAD_ENCODING)]
    assert [cells for _, cells in rows] == [
        ["3", "bad_amount", texts_[0], "amount", "wm1", "=1+1"],
        ["7", "missing_id", texts_[1], "external_userid", "", "5"],
        ["9", "bad_encoding", texts_[2], "", "raw \ufffd line", ""],
    ]


@pytest.mark.parametrize(
    "name, header",
    [
        ("contacts.csv", "attachment; filename=\"contacts.csv\"; filename*=UTF-8''contacts.csv"),
        ("客户 1.xlsx", "attachment; filename=\"1.xlsx\"; filename*=UTF-8''%E5%AE%A2%E6%88%B7%201.xlsx"),
        ("客户.csv", "attachment; filename=\"download.csv\"; filename*=UTF-8''%E5%AE%A2%E6%88%B7.csv"),
        ('../a"\r\nX: y.csv', "attachment; filename=\"_a_X_ y.csv\"; filename*=UTF-8''_a_X_%20y.csv"),
        ("", "attachment; filename=\"download\"; filename*=UTF-8''download"),
    ],
)
def test_c12_file_names(name, header):
    assert content_disposition(name) == header
