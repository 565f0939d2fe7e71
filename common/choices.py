"""String enumerations with translatable labels, usable in rules that must not touch the database layer."""

from enum import StrEnum, nonmember
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Choice(StrEnum):
    """A string enumeration whose members are written ``NAME = "value", _("Label")``.

    ``choices`` may be given to a model or form field as it is (Django calls it).
    """

    # An enumeration is callable; without this a template that gets the class would call it.
    do_not_call_in_templates = nonmember(True)

    label: "str | StrPromise"

    # The default is for type checkers, to whom the look-up ``Name("value")`` looks like this call.
    def __new__(cls, value: str, label: "str | StrPromise" = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    @classmethod
    def choices(cls) -> list[tuple[str, "str | StrPromise"]]:
        """Pairs of stored value and label, in the order of definition."""
        return [(member.value, member.label) for member in cls]
