"""C12: workbooks as they come, good and hostile."""

import io
import struct
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.files import xlsx_strings
from contacts.files.readers import open_table
from contacts.files.reasons import BadCell, FileRefused
from tests.contacts.files.samples import archive, read, resumed_everywhere, text_cells, workbook


def book(*rows) -> bytes:
    """A workbook as another program writes it."""
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def refused_with(data: bytes, name: str = "a.xlsx") -> str:
    with pytest.raises(FileRefused) as error:
        read(data, name)
    return error.value.code


# --- Values ----------------------------------------------------------------------------------------------


def test_c12_values_as_a_person_would_write_them():
    data = book(
        ["客户ID", "数", "日"],
        ["wm1", 13800138000, datetime(2026, 1, 31, 18, 30, 5)],
        ["wm2", 12.0, date(2026, 1, 31)],
        [3, 0.1 + 0.2, True],
        [1.5e14, -1234.5, datetime(2026, 1, 31, 0, 0)],
        [None, 1e-7, "😀\u202e <&> ]]>"],
    )
    header, rows, refused = read(data, "a.xlsx")
    assert header == ["客户ID", "数", "日"]
    assert [cells for _, cells in rows] == [
        ["wm1", "13800138000", "2026-01-31T18:30:05"],
        ["wm2", "12", "2026-01-31"],
        ["3", "0.3", "TRUE"],
        ["150000000000000", "-1234.5", "2026-01-31"],
        ["", "0.0000001", "😀\u202e <&> ]]>"],
    ]
    assert not refused


@pytest.mark.parametrize(
    "code, serial, text",
    [
        ("yyyy-mm-dd", "45292", "2024-01-01"),
        ('yyyy"年"m"月"d"日"', "45292.5", "2024-01-01T12:00:00"),
        ("[$-804]yyyy/m/d;@", "1", "1900-01-01"),
        ("[h]:mm", "0.75", "18:00:00"),
        ("0.00_m", "45292", "45292"),
        ('0.00" days"', "45292", "45292"),
        ("[Red]0.00", "45292", "45292"),
        ("General", "45292", "45292"),
        ("yyyy-mm-dd", "-5", "-5"),
        ("yyyy-mm-dd", "99999999", "99999999"),
        ("yyyy-mm-dd", "45292.99999999999", "2024-01-02"),
    ],
)
def test_c12_dates_by_number_format(code, serial, text):
    code = code.replace('"', "&quot;")
    styles = (
        f'<numFmts><numFmt numFmtId="164" formatCode="{code}"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs>'
    )
    data = workbook(f'<row>{text_cells("at")}</row><row><c s="1"><v>{serial}</v></c></row>', styles=styles)
    assert read(data, "a.xlsx")[1] == [(2, [text])]


def test_c12_dates_of_1904():
    data = workbook(
        f'<row>{text_cells("at")}</row><row><c s="1"><v>43830</v></c></row>',
        styles='<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>',
        properties='<workbookPr date1904="1"/>',
    )
    assert read(data, "a.xlsx")[1] == [(2, ["2024-01-01"])]


def test_c12_formulas_errors_and_rounded_numbers_are_marked_never_taken():
    data = workbook(
        f"<row>{text_cells('id', 'amount')}</row>"
        "<row><c><v>1</v></c><c><f>SUM(A1:A2)</f><v>99</v></c></row>"
        '<row><c><v>2</v></c><c t="str"><f t="shared" si="0"/><v>cached</v></c></row>'
        '<row><c><v>3</v></c><c t="e"><v>#N/A</v></c></row>'
        "<row><c><v>1.23456789012345E+17</v></c><c><v>123456789012345678</v></c></row>"
    )
    rows = read(data, "a.xlsx")[1]
    cells = [row[1][1] for row in rows[:3]] + [rows[3][1][0]]
    assert [(str(cell), cell.reason.value) for cell in cells] == [
        ("=SUM(A1:A2)", "formula_cell"),
        ("=", "formula_cell"),
        ("#N/A", "error_cell"),
        ("1.23456789012345E+17", "number_too_long"),
    ]
    assert not isinstance(rows[3][1][1], BadCell)  # a program wrote all digits


def test_c12_shared_rich_phonetic_and_escaped_strings():
    strings = (
        "<si><t>id</t></si><si><r><rPr><b/></rPr><t>王</t></r><r><t>小明</t></r><rPh><t>xiao</t></rPh></si>"
        '<si><t xml:space="preserve"> a_x000D__x005F_x000D_ </t></si><si/>'
    )
    data = workbook(
        '<row><c t="s"><v>0</v></c></row><row><c t="s"><v>1</v></c></row><row><c t="s"><v>2</v></c></row>'
        '<row><c t="s"><v>3</v></c></row><row><c t="inlineStr"><is><r><t>x</t></r><rPh><t>y</t></rPh></is></c></row>',
        strings=strings,
    )
    assert read(data, "a.xlsx")[:2] == (["id"], [(2, ["王小明"]), (3, [" a\r_x000D_ "]), (5, ["x"])])


def test_c12_many_shared_strings_live_in_a_file(monkeypatch):
    monkeypatch.setattr(xlsx_strings, "_IN_MEMORY", 200)
    strings = "<si><t>id</t></si>" + "".join(f"<si><t>王{n}</t></si>" for n in range(50))
    sheet = "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(51))
    rows = read(workbook(sheet, strings=strings), "a.xlsx")[1]
    assert rows == [(n + 2, [f"王{n}"]) for n in range(50)]
    assert refused_with(workbook('<row><c t="s"><v>51</v></c></row>', strings=strings)) == "corrupt"


def test_c12_prefixes_gaps_and_widths():
    data = workbook(
        '<x:row r="3"><x:c r="A3" t="str"><x:v>id</x:v></x:c><x:c r="B3" t="str"><x:v>name</x:v></x:c></x:row>'
        '<x:row r="5"><x:c r="B5"><x:v>7</x:v></x:c></x:row><x:row r="6"/>'
        '<x:row r="9"><x:c/><x:c><x:v>1</x:v></x:c><x:c/></x:row>'
        '<x:row r="10"><x:c r="AB10"><x:v>1</x:v></x:c></x:row>'
        '<x:row r="11"><x:c r="XFD11"><x:v>1</x:v></x:c></x:row>',
        prefix="x",
    )
    header, rows, refused = read(data, "a.xlsx")
    assert (header, rows) == (["id", "name"], [(5, ["", "7"]), (9, ["", "1"])])
    assert refused == [(10, "too_many_columns"), (11, "too_many_columns")]


def test_c12_the_first_visible_sheet():
    sheets = '<sheet name="a" sheetId="1" state="hidden" r:id="rId1"/><sheet name="b" sheetId="2" r:id="rId2"/>'
    second = f"<worksheet><sheetData><row>{text_cells('b')}</row></sheetData></worksheet>".encode()
    data = workbook(f"<row>{text_cells('a')}</row>", sheets=sheets, extra=[("xl/worksheets/sheet2.xml", second)])
    assert read(data, "a.xlsx")[0] == ["b"]


def test_c12_a_row_too_long_is_one_refused_row():
    long = "x" * 10_000_000
    data = _stored(
        f"<row>{text_cells('id', 'name')}</row><row>{text_cells('1', long)}</row><row>{text_cells('2', 'b')}</row>"
        f"<row>{text_cells(*['y' * 30_000] * 10)}</row>"
    )
    _, rows, refused = read(data, "a.xlsx")
    assert rows == [(3, ["2", "b"])]
    assert refused == [(2, "line_too_long"), (4, "line_too_long")]


def _stored(sheet: str, **parts: str) -> bytes:
    """A workbook that is not packed, because well packed attacks are refused for that."""
    data = workbook(sheet, **parts)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return archive([(name, source.read(name)) for name in source.namelist()], zipfile.ZIP_STORED)


def test_c12_resumes_behind_every_row():
    data = book(["id", "名"], ["1", "王"], [], ["2", "b"], ["3", "c", "d"], ["4", "e"])
    expected = [(2, ["1", "王"]), (4, ["2", "b"]), (5, ["3", "c", "d"]), (6, ["4", "e"])]
    assert resumed_everywhere(data, "a.xlsx") == expected
    many = book(["id"], *[[f"r{n}"] for n in range(20_000)])
    with open_table(io.BytesIO(many), "a.xlsx", {"row": 15_001}) as table:
        rows = [row for batch in table.batches() for row in batch.rows]
    assert (rows[0], len(rows)) == ((15_002, ["r15000"]), 5_000)


def test_c12_header_only_and_nothing():
    assert read(book(["id", "name"]), "a.xlsx") == (["id", "name"], [], [])
    assert refused_with(workbook("")) == "empty"
    assert refused_with(b"") == "empty"


# --- Attacks ---------------------------------------------------------------------------------------------


def test_c12_wrong_types():
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5000
    assert refused_with(ole) == "wrong_type"
    assert refused_with(ole + "EncryptedPackage".encode("utf-16-le")) == "encrypted"
    assert refused_with(b"id,name\n1,2\n") == "wrong_type"
    assert refused_with(b"PK\x03\x04" + b"\0" * 100) == "corrupt"
    assert refused_with(archive([("a.txt", "x")])) == "wrong_type"
    good = workbook(f"<row>{text_cells('a')}</row>")
    assert refused_with(good[: len(good) // 2]) == "corrupt"
    assert refused_with(good, "a.csv") == "wrong_type"


def test_c12_damaged_parts():
    assert refused_with(workbook('<?xml version="1.0"?><worksheet><sheetData><row>')) == "corrupt"
    assert refused_with(workbook('<row r="x"/>')) == "corrupt"
    assert refused_with(workbook('<row r="2"/><row r="1"/>')) == "corrupt"
    assert refused_with(workbook('<row><c r="B1"/><c r="A1"/></row>')) == "corrupt"
    assert refused_with(workbook('<row><c r="?1"/></row>')) == "corrupt"
    assert refused_with(workbook("<row/>", sheets='<sheet name="a" r:id="rId2"/>')) == "corrupt"
    assert refused_with(workbook("<row/>", sheets='<sheet name="a" r:id="rId9"/>')) == "corrupt"
    data = bytearray(workbook(f"<row>{text_cells('a' * 50_000)}</row>"))
    start = data.index(b"xl/worksheets/sheet1.xml") + 30
    data[start : start + 8] = b"\xff" * 8
    assert refused_with(bytes(data)) == "corrupt"


@settings(max_examples=150)
@given(st.data())
def test_c12_damage_anywhere_is_a_refusal_or_a_readable_table(data):
    strings = "<si><t>id</t></si><si><t>a</t></si>"
    sheet = "".join(f'<row><c t="s"><v>{min(n, 1)}</v></c><c><v>4.5</v></c></row>' for n in range(20))
    damaged = bytearray(workbook(sheet, strings=strings))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        header, rows, _ = read(bytes(damaged), "a.xlsx")
    except FileRefused as refused:
        assert refused.code in {"corrupt", "wrong_type", "encrypted", "too_large_inside", "unsafe", "empty", "not_text"}
    else:
        assert all(len(cells) == len(header) for _, cells in rows)


def test_c12_entities_are_refused():
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    outside = '<!DOCTYPE x SYSTEM "file:///etc/passwd">'
    for doctype in (laughs, outside):
        sheet = f'<?xml version="1.0"?>{doctype}<worksheet><sheetData><row/></sheetData></worksheet>'
        assert refused_with(workbook(sheet)) == "unsafe"


def test_c12_xml_that_would_fill_the_memory_is_refused():
    deep = "<a>" * 500_000
    names = "".join(f"<a{n}/>" for n in range(200_000))
    tag = f'<row a="{"".join(map(str, range(600_000)))}"/>'
    for content in (deep, names, tag):
        sheet = f'<?xml version="1.0"?><worksheet>{content}'
        assert refused_with(_stored(sheet)) == "unsafe"
    string = "<si>" + "<t>abc</t>" * 300_000 + "</si>"
    assert refused_with(_stored("<row/>", strings=string)) == "unsafe"


def test_c12_zip_bombs_are_refused_by_their_directory():
    zeros = b"\0" * 30_000_000
    assert refused_with(workbook("<row/>", extra=[("xl/media/a.bin", zeros)])) == "too_large_inside"
    many = [(f"xl/{n}", b"") for n in range(2001)]
    assert refused_with(workbook("<row/>", extra=many)) == "too_large_inside"
    crowd = [(f"xl/{n:060}", b"") for n in range(12_000)]
    assert refused_with(workbook("<row/>", extra=crowd)) == "too_large_inside"


def test_c12_a_part_that_lies_about_its_size_gives_no_more_than_it_said():
    sheet = f"<row>{text_cells('a')}</row>" + f"<row>{text_cells('b')}</row>" * 100_000
    data = bytearray(workbook(sheet))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        info = package.getinfo("xl/worksheets/sheet1.xml")
    size = struct.pack("<L", info.file_size)
    assert data.count(size) == 2
    data = data.replace(size, struct.pack("<L", 1000))
    assert refused_with(bytes(data)) == "corrupt"


def test_c12_zip_passwords_and_odd_compressions():
    data = bytearray(workbook("<row/>"))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    assert refused_with(bytes(data)) == "encrypted"
    sheet = workbook("<row/>")
    with zipfile.ZipFile(io.BytesIO(sheet)) as source:
        parts = [(name, source.read(name)) for name in source.namelist()]
    assert refused_with(archive(parts, zipfile.ZIP_LZMA)) == "corrupt"
