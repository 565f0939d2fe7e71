"""C12: CSV files as they come, good and hostile."""

import io
from itertools import pairwise

import pytest

from contacts.files import csv_table
from contacts.files.readers import open_table
from contacts.files.reasons import FileRefused
from tests.contacts.files.samples import read, resumed_everywhere

TEXT = "客户ID,姓名\r\nwm1,王小明\r\nwm2,李雷\r\n"
ROWS = [(2, ["wm1", "王小明"]), (3, ["wm2", "李雷"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
def test_c12_encodings(encoding):
    assert read(TEXT.encode(encoding)) == (["客户ID", "姓名"], ROWS, [])


@pytest.mark.parametrize("bom, codec", [(b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le")])
def test_c12_utf16_either_way_round(bom, codec):
    assert read(bom + TEXT.encode(codec)) == (["客户ID", "姓名"], ROWS, [])


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_c12_delimiters(delimiter):
    header, rows, _ = read(f'id{delimiter}"a,;b"{delimiter}c\n1{delimiter}"x\ty,z"{delimiter}\n'.encode())
    assert (header, rows) == (["id", "a,;b", "c"], [(2, ["1", "x\ty,z", ""])])


def test_c12_gb18030_found_far_behind_an_ascii_header():
    data = b"id,name\n" + b"1,a\n" * 300_000 + "2,王小明\n".encode("gb18030")
    assert read(data)[1][-1] == (300_002, ["2", "王小明"])


def test_c12_one_undecodable_row_is_one_refused_row():
    lines = [f"wm{n},名字{n}".encode() for n in range(100)]
    lines[41] = "wm41,王小明".encode("gbk")
    lines[58] = b"wm58,\xff\xfe\x80"
    _, rows, refused = read(b"id,name\n" + b"\n".join(lines))
    assert len(rows) == 98
    assert refused == [(43, "bad_encoding"), (60, "bad_encoding")]


def test_c12_half_a_surrogate_in_utf16_is_one_refused_row():
    data = b"\xff\xfe" + "id,name\n1,a\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,c\n".encode("utf-16-le")
    assert read(data)[1:] == ([(2, ["1", "a"]), (4, ["3", "c"])], [(3, "bad_encoding")])


def test_c12_utf16_that_ends_in_half_a_character():
    data = b"\xff\xfe" + "id,name\n1,a\n2,b".encode("utf-16-le") + b"\x41"
    assert read(data)[1:] == ([(2, ["1", "a"])], [(3, "bad_encoding")])


def test_c12_a_line_too_long_is_one_refused_row():
    data = b"id,name\n1,a\n2," + b"x" * 10_000_000 + b"\n3,c\n4," + b"y" * 200_000
    assert read(data)[1:] == ([(2, ["1", "a"]), (4, ["3", "c"])], [(3, "line_too_long"), (5, "line_too_long")])


def test_c12_a_line_too_long_inside_quotes():
    data = b'id,name\n1,"a\n' + b"x" * 10_000_000 + b'"\n3,c\n'
    _, rows, refused = read(data)
    assert rows == [(4, ["3", "c"])]
    assert refused == [(2, "malformed"), (3, "line_too_long")]


def test_c12_quoted_newlines_and_quotes():
    data = b'id,name\r\n1,"line 1\nline 2\r\nline ""3"""\r\n2,5" tall\r\n'
    assert read(data)[1:] == ([(2, ["1", 'line 1\nline 2\r\nline "3"']), (5, ["2", '5" tall'])], [])


def test_c12_a_quote_that_is_never_closed_spoils_its_own_row_only():
    data = b'id,name\n1,"a\n2,b\n3,"c, d"\n4,e\n'
    assert read(data)[1:] == ([(3, ["2", "b"]), (4, ["3", "c, d"]), (5, ["4", "e"])], [(2, "malformed")])
    data = b"id,name\n" + b'1,"a\n' + b"2,b\n" * 100_000
    _, rows, refused = read(data)
    assert (len(rows), rows[0], refused) == (100_000, (3, ["2", "b"]), [(2, "malformed")])


def test_c12_quotes_that_never_match_cannot_make_reading_slow(monkeypatch):
    """Every line goes on with the record before it, and each record ends in an error."""
    monkeypatch.setattr(csv_table, "_REREAD", 1 << 20)
    data = b'id,name\n"b\n' + b'a","b\n' * 200_000 + b"1,good\n"
    _, rows, refused = read(data)
    assert not rows or rows[-1] == (200_003, ["1", "good"])
    assert len(refused) < 200


def test_c12_nul_bytes_stay_in_their_cell():
    assert read(b"id,name\n1,a\x00b\n2,c\n")[1:] == ([(2, ["1", "a\0b"]), (3, ["2", "c"])], [])


def test_c12_widths_blank_lines_and_line_ends():
    data = b"\n\nid,name,,\n1\n\n2,b,\n , \n3,c,d,\n4,e\r5,f\n6,g"
    header, rows, refused = read(data)
    assert header == ["id", "name"]
    assert rows == [(4, ["1", ""]), (6, ["2", "b"]), (10, ["6", "g"])]
    assert refused == [(8, "too_many_columns"), (9, "malformed")]


def test_c12_old_mac_line_ends():
    assert read("id,name\r1,王\r2,b".encode())[1] == [(2, ["1", "王"]), (3, ["2", "b"])]


def test_c12_header_only():
    assert read(b"id,name") == (["id", "name"], [], [])


@pytest.mark.parametrize(
    "data, name, code",
    [
        (b"", "a.csv", "empty"),
        (b"\xef\xbb\xbf", "a.csv", "empty"),
        (b"\n \n,,\n", "a.csv", "empty"),
        (b"id\n1", "a.csv.gz", "unsupported_type"),
        (b"id\n1", "a.xls", "unsupported_type"),
        (b"id\n1", "csv", "unsupported_type"),
        (b"\x1f\x8b\x08\x00abc", "a.csv", "wrong_type"),
        (b"PK\x03\x04abc", "a.csv", "wrong_type"),
        (b"\x89PNG\r\n\x1a\n\x00", "a.csv", "wrong_type"),
        (b"\x7fELF\x00\x00\n1,2\n", "a.csv", "not_text"),
        (b"\xff,\x80\n1,2\n", "a.csv", "not_text"),
        (b"x" * 500_000, "a.csv", "not_text"),
        (b",".join([b"x"] * 501), "a.csv", "too_many_columns"),
    ],
)
def test_c12_files_that_are_no_table(data, name, code):
    with pytest.raises(FileRefused) as error:
        read(data, name)
    assert error.value.code == code


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_c12_resumes_behind_every_row(encoding):
    text = 'id,name\r\n1,王\r\n\r\n2,"a\nb"\r\n3,c,d\r\n4,\'=1+1\r\n5,李'
    data = text.encode(encoding)
    found = resumed_everywhere(data, "a.csv")
    assert found == [(2, ["1", "王"]), (4, ["2", "a\nb"]), (6, ["3", "c", "d"]), (7, ["4", "=1+1"]), (8, ["5", "李"])]


def test_c12_resuming_does_not_read_what_came_before():
    class Watched(io.BytesIO):
        lowest = 0
        watching = False

        def readline(self, size=-1):
            if self.watching and self.tell() > 100:
                self.lowest = min(self.lowest, self.tell())
            return super().readline(size)

    data = b"id,name\n" + b"1,abc\n" * 100_000
    with open_table(io.BytesIO(data), "a.csv") as table:
        checkpoints = [batch.checkpoint for batch in table.batches(10_000)]
    assert len(checkpoints) == 10
    assert all(earlier["offset"] < later["offset"] for earlier, later in pairwise(checkpoints))
    file = Watched(data)
    file.lowest, file.watching = len(data), True
    with open_table(file, "a.csv", checkpoints[8]) as table:
        assert sum(len(batch.rows) for batch in table.batches()) == 10_000
    assert file.lowest == checkpoints[8]["offset"]


def test_c12_batches_of_long_rows_end_early():
    data = b"id,name\n" + (b"1," + b"x" * 100_000 + b"\n") * 100
    with open_table(io.BytesIO(data), "a.csv") as table:
        sizes = [len(batch.rows) for batch in table.batches()]
    assert sum(sizes) == 100
    assert max(sizes) < 50


def test_c12_a_file_by_path_is_closed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode())
    with open_table(path, "a.csv") as table:
        assert [batch.rows for batch in table.batches()] == [ROWS]
        file = table._file
    assert file.closed
