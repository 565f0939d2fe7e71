"""C12: what a file costs does not depend on what it contains. Measured in processes of their own."""

import io
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.contacts.files.samples import text_cells, workbook

SHEET = "xl/worksheets/sheet1.xml"
READ = """
import resource, sys
from contacts.files.readers import open_table
from contacts.files.reasons import FileRefused
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before, rows, refused = peak(), 0, 0
try:
    with open_table(sys.argv[1], sys.argv[1]) as table:
        for batch in table.batches():
            rows += len(batch.rows)
            refused += len(batch.refused)
except FileRefused as error:
    refused = error.code
print(rows, refused, peak() - before)
"""
WRITE = """
import resource, sys
from datetime import UTC
from contacts.files.writers import open_writer
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
with open(sys.argv[1], "wb") as file, open_writer(sys.argv[1].rpartition(".")[2], file, zone=UTC) as writer:
    writer.write_header(["id", "name"])
    writer.write_rows([f"wm{n}", f"name {n}"] for n in range(100_000))
print(100_000, 0, peak() - before)
"""


def run(code: str, path: Path) -> tuple[int, str, int]:
    """Rows, refusals (or why the file was refused), MB used beyond the start."""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False, cwd=".")
    assert done.returncode == 0, done.stderr
    rows, refused, memory = done.stdout.split()
    return int(rows), refused, int(memory)


def test_c12_300_000_rows_of_csv(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w", encoding="gb18030") as file:
        file.write("客户ID,姓名,备注\n")
        file.writelines(f'wm{n},王小明{n},"备注, {n}"\n' for n in range(300_000))
    rows, refused, memory = run(READ, path)
    assert (rows, refused) == (300_000, "0")
    assert memory < 30


def test_c12_a_line_of_100_mb(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"id,name\n1,a\n2,")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'\n3,c\n4,"' + b"\xff" * 10_000_000 + b"\n5,e\n")
    rows, refused, memory = run(READ, path)
    assert (rows, refused) == (3, "2")
    assert memory < 15


def test_c12_a_workbook_with_many_different_strings(tmp_path):
    path = tmp_path / "a.xlsx"
    strings = "<si><t>id</t></si>" + "".join(f"<si><t>{n} {random.random()}</t></si>" for n in range(200_000))
    sheet = "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(200_001))
    path.write_bytes(workbook(sheet, strings=strings))
    rows, refused, memory = run(READ, path)
    assert (rows, refused) == (200_000, "0")
    assert memory < 40


@pytest.fixture(scope="module")
def bomb(tmp_path_factory) -> Path:
    """More than a gigabyte of rows in a few megabytes."""
    path = tmp_path_factory.mktemp("bomb") / "a.xlsx"
    block = f"<row>{text_cells('a' * 1000)}</row>".encode() * 1000
    with (
        zipfile.ZipFile(io.BytesIO(workbook("<row/>"))) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            if name != SHEET:
                target.writestr(name, source.read(name))
        with target.open(SHEET, "w") as part:
            part.write(b"<worksheet><sheetData>")
            for _ in range(1100):
                part.write(block)
    assert path.stat().st_size < 10_000_000
    return path


def test_c12_a_zip_bomb_is_refused_by_its_directory(bomb):
    rows, refused, memory = run(READ, bomb)
    assert (rows, refused) == (0, "too_large_inside")
    assert memory < 20


def test_c12_a_zip_bomb_with_a_false_directory_gives_no_more_than_that_says(bomb):
    data = bomb.read_bytes()
    with zipfile.ZipFile(bomb) as package:
        size = package.getinfo(SHEET).file_size.to_bytes(4, "little")
    assert data.count(size) == 2
    false = bomb.with_name("false.xlsx")
    false.write_bytes(data.replace(size, (100_000).to_bytes(4, "little")))
    rows, refused, memory = run(READ, false)
    assert (rows, refused) == (0, "corrupt")
    assert memory < 20


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_c12_writing_needs_no_more_for_more_rows(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    assert run(WRITE, path)[2] < 15
    assert run(READ, path)[:2] == (100_000, "0")
