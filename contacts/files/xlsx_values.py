"""What the numbers in a sheet mean: dates as ISO text, other numbers as a person would write them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

from contacts.files.reasons import BadCell, Reason

# Excel counts a 29 February 1900, so that serials below 60 are a day off. Local time, hence without a zone.
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_ROUNDED_FROM = 10**15  # spreadsheets keep 15 digits

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def is_date_format(number: int, code: str | None) -> bool:
    """Does this number format show a date? `code` is None for the built-in ones."""
    if code is None:
        return number in _DATE_FORMATS
    return "general" not in code.casefold() and _DATE_LETTERS.search(_LITERALS.sub("", code)) is not None


def number_text(raw: str) -> str:
    """A number as text: all digits of a whole one, no exponent, no ".0", no noise in the 16th digit."""
    if raw.isdecimal():
        return raw
    try:
        value = float(raw)
    except ValueError:
        return BadCell(raw, Reason.ERROR_CELL)
    if not abs(value) < _ROUNDED_FROM:  # NaN and infinity as well
        return BadCell(raw, Reason.NUMBER_TOO_LONG)
    text = f"{value:.15g}"
    return f"{Decimal(text):f}" if "e" in text else text


def date_text(raw: str, *, epoch_1904: bool) -> str:
    """A serial number as `2026-01-31`, `2026-01-31T18:30:00` or, without a day, `18:30:00`."""
    try:
        serial = float(raw)
        seconds = round(serial * 86400)
        epoch = _EPOCH_1904 if epoch_1904 else _EPOCH_1900 + timedelta(days=serial < 60)
        moment = epoch + timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # no date that a calendar has
        return number_text(raw)
    if serial < 0:
        return number_text(raw)
    if seconds < 86400:
        return moment.time().isoformat()
    return moment.isoformat() if seconds % 86400 else moment.date().isoformat()


def unescape(text: str) -> str:
    """Text with `_x000D_` and the like, which is how a sheet writes control characters, resolved."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return match[0] if 0xD800 <= code <= 0xDFFF else chr(code)
