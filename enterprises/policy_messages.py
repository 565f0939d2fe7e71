"""What people read when a setting of the policy is refused."""

from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_INVALID = _("Enter a valid value.")
_MESSAGES: dict[str, "StrPromise"] = {
    "extra_forbidden": _("There is no such setting."),
    "greater_than_equal": _("Must be at least {ge}."),
    "less_than_equal": _("Must be at most {le}."),
    "too_short": _("Choose at least {min_length}."),
    "int_type": _("Enter a whole number."),
    "int_parsing": _("Enter a whole number."),
    "int_from_float": _("Enter a whole number."),
    "decimal_type": _("Enter an amount."),
    "decimal_parsing": _("Enter an amount."),
    "finite_number": _("Enter an amount."),
    "decimal_max_places": _("At most {decimal_places} decimal places."),
    "enum": _("Choose one of the offered values."),
    "interaction_order": _("Must be 0, or longer than it takes a contact to be silent."),
    "free_order": _("Must be at least the scale without verification."),
    "ascending": _("Must be ascending, each value once."),
    "descending": _("Must be descending, each value once."),
    "grade_order": _("Must be less than the amount for high value."),
}


def messages(error: ValidationError) -> dict[str, list["str | StrPromise"]]:
    """A failed validation as {setting: [message]}, each message once; translated when shown."""
    result: dict[str, dict[tuple[str, str], str | StrPromise]] = {}
    for entry in error.errors(include_url=False):
        kind, context = entry["type"], entry.get("ctx", {})
        message = format_lazy(_MESSAGES.get(kind, _INVALID), **context)
        result.setdefault(str(entry["loc"][0]), {})[kind, str(context)] = message
    return {name: list(found.values()) for name, found in result.items()}
