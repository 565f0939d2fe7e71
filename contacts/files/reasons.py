"""Everything an import can refuse, as closed lists of codes with texts in the reader's language (C12)."""

from typing import TYPE_CHECKING

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Invalid

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_EXCERPT = 80  # characters of a refused value that are repeated to the person


class Reason(Choice):
    """Why one row was refused. The label is the text for the person; the value is stable (report, API)."""

    # The row as it stands in the file (readers)
    BAD_ENCODING = "bad_encoding", _("The row contains bytes that are no text in the encoding of the file.")
    LINE_TOO_LONG = "line_too_long", _("The row is longer than any row of such a table can be.")
    MALFORMED = "malformed", _("The row's quotation marks or line breaks do not match.")
    TOO_MANY_COLUMNS = "too_many_columns", _("The row has more cells than the header.")
    FORMULA_CELL = "formula_cell", _("The cell is a formula. Paste it as a value.")
    ERROR_CELL = "error_cell", _("The cell shows an error instead of a value.")
    NUMBER_TOO_LONG = (
        "number_too_long",
        _("The spreadsheet has rounded this long number. Format the column as text and enter it again."),
    )
    # One value (rows)
    MISSING_ID = "missing_id", _("The external user ID is missing.")
    BAD_ID = "bad_id", _("An external user ID has 1 to 64 visible characters without spaces.")
    MISSING_VALUE = "missing_value", _("A required value is missing.")
    BAD_NAME = "bad_name", _("The name is longer than 128 characters.")
    BAD_KIND = "bad_kind", _("This kind is not known.")
    BAD_PHONE = "bad_phone", _("A phone number has at most 32 digits, spaces, hyphens and a plus sign.")
    BAD_DATE = (
        "bad_date",
        _("This is not a date, or it lies before 1990. Write it as 2026-01-31 or 2026-01-31 18:30."),
    )
    FUTURE_DATE = "future_date", _("The date lies in the future.")
    BAD_AMOUNT = "bad_amount", _("This is not an amount of money with at most two decimals.")
    BAD_TAG = "bad_tag", _("A tag has at most 30 characters; a row has at most 50 tags.")
    BAD_REFERENCE = "bad_reference", _("An order number has at most 64, a key at most 128 visible characters.")
    TEXT_TOO_LONG = "text_too_long", _("The text is longer than 128 characters.")
    # The row among the others (the database step)
    DUPLICATE_IN_FILE = "duplicate_in_file", _("The file has the same record in an earlier row.")
    CONTACT_UNKNOWN = "contact_unknown", _("No contact has this external user ID.")
    OWNER_UNKNOWN = "owner_unknown", _("No active member has this user ID or e-mail address.")
    MEMBER_UNKNOWN = "member_unknown", _("No member has this user ID or e-mail address.")
    ORDER_OF_ANOTHER_CONTACT = (
        "order_of_another_contact",
        _("This order number belongs to another contact."),
    )
    QUOTA_EXCEEDED = "quota_exceeded", _("No place was left in the scale of the enterprise.")
    BUDGET_EXCEEDED = "budget_exceeded", _("No place was left in the budget of the owner's team.")
    TOO_MANY_TAGS = "too_many_tags", _("The member would have more tags on this contact than WeCom takes.")
    FORBIDDEN = "forbidden", _("You may not change this contact.")


class FileProblem(Choice):
    """Why a file was refused as a whole. Labels may have the named placeholders given to `FileRefused`."""

    UNSUPPORTED_TYPE = "unsupported_type", _("Only CSV and XLSX files can be imported.")
    WRONG_TYPE = "wrong_type", _("The content of the file is not what its name says.")
    EMPTY = "empty", _("The file is empty.")
    NOT_TEXT = "not_text", _("The first row of the file cannot be read as text.")
    TOO_MANY_COLUMNS = "too_many_columns", _("The file has more than %(limit)s columns.")
    ENCRYPTED = "encrypted", _("The file is protected with a password. Save it without one.")
    CORRUPT = "corrupt", _("The file is damaged and cannot be read.")
    UNSAFE = "unsafe", _("The file contains parts that do not belong into a table and is not opened.")
    TOO_LARGE_INSIDE = "too_large_inside", _("The file is too large when unpacked.")
    UNKNOWN_COLUMN = "unknown_column", _("There is no column %(column)s to import into.")
    UNKNOWN_HEADER = "unknown_header", _("The file has no column named “%(header)s”.")
    HEADER_USED_TWICE = "header_used_twice", _("The column “%(header)s” of the file is assigned twice.")
    MISSING_COLUMNS = "missing_columns", _("The file has no column for: %(columns)s.")


class FileRefused(Invalid):
    """A file that cannot be imported at all. `values` fill the placeholders of the problem's label."""

    def __init__(self, problem: FileProblem, **values: object) -> None:
        super().__init__(lazy(_fill, str)(problem, values), code=problem.value, **values)
        self.problem = problem


def _fill(problem: FileProblem, values: dict[str, object]) -> str:
    return str(problem.label) % values


class RowRefused(Exception):
    """One row that cannot be imported: the reason, the target column if it is about one, and the value's start."""

    def __init__(self, reason: Reason, column: str | None = None, value: str = "") -> None:
        super().__init__(reason, column, value)
        self.reason = reason
        self.column = column
        self.value = value if len(value) <= _EXCERPT else value[: _EXCERPT - 1] + "…"

    @property
    def code(self) -> str:
        return self.reason.value

    @property
    def detail(self) -> "str | StrPromise":
        """The text for the person, in the language that is active when it is written."""
        return self.reason.label


class BadCell(str):
    """A cell that the spreadsheet itself has spoilt: its text, and why a row that needs it is refused."""

    reason: Reason

    __slots__ = ("reason",)

    def __new__(cls, text: str, reason: Reason) -> "BadCell":
        cell = super().__new__(cls, text)
        cell.reason = reason
        return cell
