"""Who gets what: a plan is a list of parts, each with a condition and its takers; the first part that fits counts.

One taker for all is one part with one taker; evenly is one part with several; by grade and by tag are parts with
conditions; by department names a department instead of its members. Saved plans (InheritanceRule) are the same JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import Split
from common.errors import Invalid, Text
from common.ids import parse_uuid
from contacts.models import Tag
from contacts.queries import nameable
from contacts.querysets import members_of_departments
from contacts.rules import Grade
from enterprises.actors import Actor
from enterprises.models import Department, Member

MOST_PARTS = 20
MOST_TAKERS = 100


@dataclass(frozen=True)
class Part:
    """Contacts of this grade and with this tag (or all) go to these takers, or to the members of this department."""

    takers: tuple[UUID, ...] = ()
    department: UUID | None = None
    grade: str = ""
    tag: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is stored and as the API shows it."""
        return {
            "takers": [str(taker) for taker in self.takers],
            "department": str(self.department) if self.department else None,
            "grade": self.grade or None,
            "tag": str(self.tag) if self.tag else None,
        }


@dataclass(frozen=True)
class Plan:
    """The parts in their order, how each is spread over its takers, and whether group chats go along."""

    parts: tuple[Part, ...]
    split: Split = Split.EVEN
    groups: bool = True

    @classmethod
    def of(cls, actor: Actor, given: Mapping[str, Any]) -> Self:
        """The plan that JSON or a form asks for. Raises Invalid for what does not exist or the actor may not name."""
        parts = given.get("parts")
        if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_PARTS:
            raise _wrong(_("Give 1 to 20 parts, each with its takers."))
        split = given.get("split") or Split.EVEN
        if split not in list(Split):
            raise Invalid({"split": [_("Say even or room.")]})
        return cls(tuple(_part(actor, part) for part in parts), Split(split), bool(given.get("groups", True)))

    @classmethod
    def stored(cls, plan: Mapping[str, Any]) -> Self:
        """A plan that was checked when it was stored."""
        parts = tuple(
            Part(
                tuple(UUID(taker) for taker in part["takers"]),
                parse_uuid(part["department"]),
                part["grade"] or "",
                parse_uuid(part["tag"]),
            )
            for part in plan["parts"]
        )
        return cls(parts, Split(plan["split"]), plan["groups"])

    def as_json(self) -> dict[str, Any]:
        """As it is stored and as the API shows it."""
        return {
            "parts": [part.as_json() for part in self.parts],
            "split": self.split.value,
            "groups": self.groups,
        }

    def takers(self, actor: Actor, *, but: UUID | None) -> list[list[Member]]:
        """The takers of each part as they are now: active members whom the actor may name, without `but`.

        Raises Invalid when a part has nobody left.
        """
        members = nameable(actor) if but is None else nameable(actor).exclude(pk=but)
        named = members.in_bulk({taker for part in self.parts for taker in part.takers})
        found = []
        for part in self.parts:
            if part.department is not None:
                takers = list(
                    members.filter(pk__in=members_of_departments([part.department]).values("id")).order_by("name", "id")
                )[:MOST_TAKERS]
            else:
                takers = [named[taker] for taker in part.takers if taker in named]
            if not takers:
                raise _wrong(_("A part has no active member who could take over."))
            found.append(takers)
        return found


def _part(actor: Actor, given: Any) -> Part:
    if not isinstance(given, Mapping):
        raise _wrong(_("Give 1 to 20 parts, each with its takers."))
    if unknown := set(given) - {"takers", "department", "grade", "tag"}:
        raise Invalid({name: [_("A part has no such field.")] for name in sorted(unknown)}, code="unknown_param")
    department, tag = given.get("department") or None, given.get("tag") or None
    takers = () if department else _takers(actor, given.get("takers"))
    grade = given.get("grade") or ""
    if grade and grade not in list(Grade):
        raise Invalid({"grade": [_("There is no such grade.")]})
    if tag and not Tag.objects.filter(pk=parse_uuid(tag)).exists():
        raise Invalid({"tag": [_("There is no such tag.")]})
    if department and not Department.objects.filter(pk=parse_uuid(department)).exists():
        raise Invalid({"department": [_("There is no such department.")]})
    return Part(takers, parse_uuid(department) if department else None, str(grade), parse_uuid(tag) if tag else None)


def _takers(actor: Actor, given: Any) -> tuple[UUID, ...]:
    """Active members whom the actor may name; a graded admin those in range (O4)."""
    ids: Sequence[UUID | None] = [parse_uuid(one) for one in given] if isinstance(given, (list, tuple)) else []
    takers = tuple(dict.fromkeys(one for one in ids if one is not None))
    if not takers or None in ids or len(takers) > MOST_TAKERS:
        raise Invalid({"takers": [_("Name 1 to 100 members by their ids.")]})
    if nameable(actor).filter(pk__in=takers).count() != len(takers):
        raise Invalid({"takers": [_("Name active members of the departments that you manage.")]})
    return takers


def _wrong(text: Text) -> Invalid:
    return Invalid({"parts": [text]})
