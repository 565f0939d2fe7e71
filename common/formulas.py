"""Text that a spreadsheet would run as a formula, made harmless and made whole again.

A cell that begins like a formula gets an apostrophe before it, which spreadsheets show as text. So that
nothing is lost, one that already begins with apostrophes before such a thing gets one more:
`restore(neutralise(text)) == text` for every text.
"""

import re

# Also the full-width signs, which some spreadsheets take for the same, and signs behind white space.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠﹢﹣﹦﹫−]|[\t\r\n])")


def looks_like_formula(text: str) -> bool:
    """Would a spreadsheet, opening a CSV file, take this text for more than text?"""
    return _FORMULA.match(text) is not None


def neutralise(text: str) -> str:
    """The text as it may stand in a CSV file."""
    return "'" + text if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """The text that `neutralise` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
