"""The space as somebody sees it, and as a matrix: ours across, subgroups down (U6). All by the one decision."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from common.errors import Text
from enterprises.models import Member, Role
from upstream.models import CorrespondenceRule, Partner, PartnerContact, Space, SpaceMember, Subgroup
from upstream.queries.worlds import world
from upstream.rules.visibility import Decision, Ours, Theirs, World, decide
from upstream.services.subgroups import path

MOST_COLUMNS = 20


@dataclass(frozen=True)
class Line:
    """Somebody in the space, and whether and why the viewer sees them."""

    kind: str
    id: UUID
    name: str
    decision: Decision
    rule: str


@dataclass(frozen=True)
class View:
    """The space through the eyes of one person."""

    viewer: str
    viewer_id: UUID
    found: list[Line]

    @property
    def seen(self) -> int:
        return sum(line.decision.visible for line in self.found)

    def lines(self) -> Iterator[dict[str, Any]]:
        """As the API tells them."""
        for line in self.found:
            rule = {"id": line.decision.rule, "name": line.rule} if line.decision.rule else None
            yield {
                "what": line.kind,
                "id": line.id,
                "name": line.name,
                "visible": line.decision.visible,
                "reason": line.decision.reason,
                "detail": line.decision.reason.label,
                "rule": rule,
            }


def of_member(space: Space, member: Member) -> View:
    """Which partners a member of ours sees."""
    known = world(space)
    role = member.role
    viewer = known.members.get(member.pk, Ours(member.pk))
    if role.scope == Role.Scope.ALL or ("spaces.manage" in role.codes and member.pk in known.members):
        viewer = replace(viewer, manages=True)
    return View(member.name, member.pk, _lines(space, known, viewer, with_members=False))


def of_person(space: Space, seat: PartnerContact) -> View:
    """Whom of ours, and which partners, a person of a partner sees."""
    known = world(space)
    return View(seat.person.name, seat.pk, _lines(space, known, known.partners[seat.partner_id], with_members=True))


def _lines(space: Space, known: World, viewer: Ours | Theirs, *, with_members: bool) -> list[Line]:
    rules = dict(CorrespondenceRule.objects.filter(space=space).values_list("pk", "name"))
    found: list[Line] = []

    def add(kind: str, pk: UUID, name: str, subject: Ours | Theirs) -> None:
        decision = decide(known, viewer, subject)
        found.append(Line(kind, pk, name, decision, rules.get(decision.rule, "") if decision.rule else ""))

    if with_members:
        seats = SpaceMember.objects.filter(space=space).order_by("member__name", "id")
        for pk, name in seats.values_list("member_id", "member__name"):
            add("member", pk, name, known.members[pk])
    for pk, name in Partner.objects.filter(space=space).order_by("name", "id").values_list("pk", "name"):
        add("partner", pk, name, known.partners[pk])
    return found


# --- Matrix -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """How many partners of a row a member sees, of how many."""

    seen: int
    of: int

    @property
    def extent(self) -> str:
        """all, some or none: what the cell looks like."""
        return "all" if self.seen == self.of else "some" if self.seen else "none"


@dataclass
class MatrixRow:
    """A subgroup with those below it; the last row is of the partners in none."""

    name: Text
    depth: int
    cells: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class Matrix:
    """Members across, subgroups down."""

    members: list[Member]
    rows: list[MatrixRow]
    more: int


def matrix(space: Space, none_label: Text) -> Matrix:
    """Who of ours sees which subgroups' partners. Partners that no rule tells apart are decided once."""
    known = world(space)
    seats = list(SpaceMember.objects.filter(space=space).select_related("member").order_by("member__name", "id"))
    shown = [seat.member for seat in seats[:MOST_COLUMNS]]
    named = frozenset(pk for rule in known.rules for pk in rule.partners)
    alike: Counter[tuple[frozenset[UUID], UUID | None]] = Counter()
    example: dict[tuple[frozenset[UUID], UUID | None], Theirs] = {}
    for partner in known.partners.values():
        sort = (partner.subgroups, partner.partner if partner.partner in named else None)
        alike[sort] += 1
        example[sort] = partner
    tree = {one.pk: one for one in Subgroup.objects.filter(space=space)}
    above = {pk: one.parent_id for pk, one in tree.items()}
    rows = {pk: MatrixRow(one.name, len(path(above, pk)) - 1) for pk, one in _in_order(tree)}
    loose = MatrixRow(none_label, 0)
    for member in shown:
        seen, total = defaultdict(int), defaultdict(int)
        for sort, number in alike.items():
            visible = decide(known, known.members[member.pk], example[sort]).visible
            for pk in sort[0] or (None,):
                total[pk] += number
                seen[pk] += number if visible else 0
        for pk, row in rows.items():
            row.cells.append(Cell(seen[pk], total[pk]))
        loose.cells.append(Cell(seen[None], total[None]))
    return Matrix(shown, [*rows.values(), loose], max(0, len(seats) - MOST_COLUMNS))


def _in_order(tree: dict[UUID, Subgroup], parent: UUID | None = None) -> Iterator[tuple[UUID, Subgroup]]:
    """Each subgroup before those below it."""
    for pk, one in tree.items():
        if one.parent_id == parent:
            yield pk, one
            yield from _in_order(tree, pk)
