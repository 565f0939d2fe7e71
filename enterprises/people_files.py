"""CSV files of members and departments: which column is what, and the rows as text. No database.

Small files (an enterprise's people), so they are read at once; contacts come by `contacts.files` as jobs.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Invalid
from common.formulas import neutralise, restore

MAX_BYTES = 1024 * 1024
MAX_ROWS = 2000


class Kind(Choice):
    """What the rows of a file are."""

    MEMBERS = "members", _("Members")
    DEPARTMENTS = "departments", _("Departments")


# Headers taken for a column, compared without case, spaces and punctuation. The first ones are our own.
COLUMNS: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.MEMBERS: {
        "userid": ("userid", "账号", "帐号", "成员账号", "成员id", "用户id", "工号", "account", "user", "id"),
        "name": ("name", "姓名", "名称", "成员姓名", "员工姓名", "fullname"),
        "email": ("email", "邮箱", "电子邮箱", "企业邮箱", "邮件", "mail"),
        "department": ("department", "部门", "所在部门", "主部门", "departmentpath", "team", "小组"),
        "role": ("role", "角色"),
    },
    Kind.DEPARTMENTS: {
        "path": ("path", "部门", "部门路径", "部门名称", "department", "departmentpath", "name", "名称"),
        "leader": ("leader", "负责人", "部门负责人", "主管", "manager"),
        "position": ("position", "排序", "顺序", "次序", "order"),
    },
}
REQUIRED: dict[Kind, tuple[str, ...]] = {Kind.MEMBERS: ("userid", "name"), Kind.DEPARTMENTS: ("path",)}


@dataclass(frozen=True)
class Row:
    """A row of the file: its line and its cells by column; columns that the file does not have are absent."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A read file. `headers` names the header that each column was found in; `ignored` those nobody knows."""

    kind: Kind
    headers: dict[str, str]
    ignored: list[str]
    rows: list[Row]


def read(data: bytes, kind: Kind) -> Table:
    """The file's rows. Raises Invalid (`file`) for files that cannot be used as a whole."""
    if len(data) > MAX_BYTES:
        raise _refused(_("The file is larger than 1 MB."))
    lines = _lines(_text(data))
    header = next(lines, (0, []))[1]
    found = _guess(header, kind)
    missing = [name for name in REQUIRED[kind] if name not in found]
    if missing:
        raise _refused(_("The file needs the columns %(names)s in its first line.") % {"names": ", ".join(missing)})
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
        if len(rows) == MAX_ROWS:
            raise _refused(_("At most %(count)s rows at a time.") % {"count": MAX_ROWS})
        rows.append(Row(line, {name: cells[at] if at < len(cells) else "" for name, at in found.items()}))
    return Table(
        kind=kind,
        headers={name: header[at] for name, at in found.items()},
        ignored=[text for at, text in enumerate(header) if at not in found.values() and text],
        rows=rows,
    )


def write(header: Sequence[object], rows: Sequence[Sequence[object]]) -> bytes:
    """A CSV file that a spreadsheet opens as it is: with a byte order mark, and no cell taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([neutralise(str(cell)) for cell in header])
    writer.writerows([[neutralise(str(cell)) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _text(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _refused(_("The file is not text in UTF-8 or GB18030. Save it as CSV."))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    delimiter = max((",", ";", "\t", "，"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, [restore(" ".join(cell.split())) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise _refused(_("Line %(line)s cannot be read: quotes are not closed.") % {"line": line}) from error


def _guess(header: list[str], kind: Kind) -> dict[str, int]:
    plain = [re.sub(r"[\W_]+", "", text).casefold() for text in header]
    found: dict[str, int] = {}
    for name, synonyms in COLUMNS[kind].items():
        for synonym in synonyms:
            if synonym in plain and plain.index(synonym) not in found.values():
                found[name] = plain.index(synonym)
                break
    return found


def _refused(text: object) -> Invalid:
    return Invalid({"file": [str(text)]}, code="file_refused")
