"""Which encoding and delimiter a CSV file has, found out from its bytes."""

import codecs
import csv
import tempfile
from collections.abc import Iterable
from typing import IO, cast

_BLOCK = 1 << 20
_EVIDENCE = 2000  # lines with more than ASCII that are enough to decide
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = (",", "\t", ";")


def as_byte_lines(file: IO[bytes]) -> IO[bytes]:
    """`file` itself, or a temporary UTF-8 copy where lines do not end with the byte LF: UTF-16, old Mac.

    The copy is the same each time, so that an offset into it is a checkpoint.
    """
    file.seek(0)
    start = file.read(_BLOCK)
    utf16 = start.startswith(_UTF16_BOMS)
    if not utf16 and (b"\n" in start or b"\r" not in start):
        return file
    # Half a surrogate pair becomes bytes that are no UTF-8, and so spoils its own row only.
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass") if utf16 else None
    copy = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 (closed with the table)
    file.seek(0)
    while block := file.read(_BLOCK):
        if decoder is None:
            copy.write(block.replace(b"\r", b"\n"))
        else:
            copy.write(decoder.decode(block).encode("utf-8", "surrogatepass"))
    if decoder is not None and decoder.getstate()[0]:
        copy.write(b"\xff")  # the file ends in the middle of a character
    return copy


def detect_encoding(file: IO[bytes]) -> str:
    """`utf-8` or `gb18030` (which contains GBK and GB2312). A few lines in the other one change nothing.

    The header decides when it is not plain ASCII; else the lines vote, of which only those count that can
    tell the two apart: hardly any GB text is valid UTF-8.
    """
    file.seek(0)
    header = file.readline(_BLOCK)
    if header.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if not header.isascii() and (verdict := _verdict(header)):
        return verdict
    votes = {"utf-8": 0, "gb18030": 0}
    rest = b""
    while sum(votes.values()) < _EVIDENCE and (block := file.read(_BLOCK)):
        if rest:
            block = rest + block
        cut = block.rfind(b"\n") + 1
        block, rest = block[:cut], block[cut:] if len(block) - cut <= _BLOCK else b""
        if not block.isascii():
            _count(block.split(b"\n"), votes)
    if rest:
        _count([rest], votes)
    return "gb18030" if votes["gb18030"] > votes["utf-8"] else "utf-8"


def _count(lines: Iterable[bytes], votes: dict[str, int]) -> None:
    for line in lines:
        if not line.isascii() and (verdict := _verdict(line)):
            votes[verdict] += 1


def _verdict(line: bytes) -> str | None:
    for encoding in ("utf-8", "gb18030"):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return None


def detect_delimiter(sample: str) -> str:
    """Comma, tab or semicolon: what divides the first line into the most cells."""
    lines = sample.lstrip("\r\n").splitlines(keepends=True)

    def cells(delimiter: str) -> int:
        return len(next(csv.reader(lines, delimiter=delimiter), []))

    return max(_DELIMITERS, key=cells)
