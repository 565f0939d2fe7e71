"""Whom a message goes to (U9), as a value: what it names, what narrows that, and who is left out all the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.choices import Choice

WORDS = ("kinds", "regions")
MOST = 1000  # ids or words of one sort


class LeftOut(Choice):
    """Why somebody whom the audience names gets nothing."""

    EXCLUDED = "excluded", _("Excluded")
    UNSEEN = "unseen", _("The sender does not correspond with this partner")
    DUPLICATE = "duplicate", _("Gets it in another space already")


@dataclass(frozen=True)
class Audience:
    """The people of everything named in the first four; of these, those whose partner is of one of `kinds` and
    `regions`, and `leaders` only if wanted; and of these, nobody who is excluded, at whatever partner they are.

    A subgroup includes those below it. A person in several spaces is one person.
    """

    spaces: frozenset[UUID] = frozenset()
    series: frozenset[UUID] = frozenset()
    subgroups: frozenset[UUID] = frozenset()
    partners: frozenset[UUID] = frozenset()
    kinds: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    leaders: bool = False
    but_subgroups: frozenset[UUID] = frozenset()
    but_partners: frozenset[UUID] = frozenset()
    but_persons: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From what was kept or sent: lists of ids or words by field; what is missing is empty."""
        found: dict[str, Any] = {"leaders": bool(data.get("leaders"))}
        for name in SETS:
            found[name] = frozenset(str(one) if name in WORDS else _uuid(one) for one in data.get(name) or ())
        return cls(**found)

    def data(self) -> dict[str, Any]:
        """As it is kept; `of` reads it back. Nothing that is empty, and in a fixed order."""
        kept: dict[str, Any] = {name: _texts(getattr(self, name)) for name in SETS if getattr(self, name)}
        return {**kept, "leaders": True} if self.leaders else kept

    @property
    def names_somebody(self) -> bool:
        """Is anything named at all? What narrows and excludes names nobody."""
        return bool(self.spaces or self.series or self.subgroups or self.partners)


SETS = tuple(field.name for field in fields(Audience) if field.name != "leaders")


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _texts(values: Iterable[Any]) -> list[str]:
    return sorted(str(one) for one in values)
