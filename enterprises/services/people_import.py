"""Members and departments from a file: each row by the same services as the console, so by the same rules.

Safe to repeat: rows are found by account or path, an empty cell leaves what is there, and what is equal is left
alone. A refused row keeps nobody else out.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from common.errors import Invalid, Refusal
from enterprises import audit, authority
from enterprises.actors import Actor
from enterprises.models import Department, Member, Role
from enterprises.people_files import Kind, Row, Table, read
from enterprises.services.departments import create_department, paths, update_department
from enterprises.services.members import create_member, update_member


@dataclass(frozen=True)
class Refused:
    """A row that did not get in, and why."""

    line: int
    key: str
    reason: str


@dataclass
class Report:
    """What a file did, or would do (`dry_run`)."""

    table: Table
    dry_run: bool
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.table.rows)


def import_people(actor: Actor, *, kind: Kind, data: bytes, dry_run: bool = False) -> Report:
    """Take the rows of a file in; with `dry_run` only say what would happen.

    Raises Invalid (`file_refused`) for a file that cannot be used, Forbidden without `members.manage`.
    """
    actor.require("members.manage")
    report = Report(table=read(data, kind), dry_run=dry_run)
    with transaction.atomic():
        work = _Members(actor, report) if kind == Kind.MEMBERS else _Departments(actor, report)
        for row in work.ordered():
            work.take(row)
        if dry_run:
            transaction.set_rollback(True)
    if not dry_run:
        numbers = {
            "rows": report.rows,
            "created": len(report.created),
            "updated": len(report.updated),
            "unchanged": report.unchanged,
            "refused": len(report.refused),
        }
        audit.record(actor, "people.imported", subject_type="file", subject_label=str(kind.label), after=numbers)
    return report


class _Rows:
    """Takes rows one by one; keeps what it has seen, so that equal rows cost nothing."""

    key: str

    def __init__(self, actor: Actor, report: Report) -> None:
        self.actor = actor
        self.report = report
        self.seen: dict[str, int] = {}
        self.departments = {one.pk: one for one in Department.objects.select_related("parent", "leader")}
        self.by_path = {path: self.departments[pk] for pk, path in paths().items()}

    def ordered(self) -> list[Row]:
        return self.report.table.rows

    def take(self, row: Row) -> None:
        key = self.normal(row.cells[self.key])
        known = dict(self.by_path)
        try:
            if key in self.seen:
                raise Invalid(_("It stands in line %(line)s already.") % {"line": self.seen[key]})
            with transaction.atomic():
                self.work(row)
        except Refusal as refusal:
            self.by_path = known  # departments made for this row went with it
            self.report.refused.append(Refused(row.line, row.cells[self.key], str(refusal)))
        else:
            self.seen[key] = row.line

    def normal(self, key: str) -> str:
        return key.casefold()

    def work(self, row: Row) -> None:
        raise NotImplementedError

    def department(self, path: str) -> Department:
        """The department of this path; what is missing of it is made."""
        names = [name.strip() for name in path.strip("/").split("/")]
        found: Department | None = None
        for depth in range(len(names)):
            part = "/".join(names[: depth + 1])
            if part not in self.by_path:
                self.by_path[part] = create_department(self.actor, name=names[depth], parent=found)
            found = self.by_path[part]
        assert found is not None
        return found

    def count(self, label: str, *, created: bool, changed: bool) -> None:
        if created:
            self.report.created.append(label)
        elif changed:
            self.report.updated.append(label)
        else:
            self.report.unchanged += 1


class _Members(_Rows):
    key = "userid"

    def __init__(self, actor: Actor, report: Report) -> None:
        super().__init__(actor, report)
        people = Member.objects.select_related("role", "department")
        self.members = {one.userid.casefold(): one for one in people}
        self.roles: dict[str, Role] = {}
        for role in Role.objects.all():
            self.roles |= {str(name).casefold(): role for name in (role.name, role.label, role.builtin) if name}

    def work(self, row: Row) -> None:
        wanted: dict[str, Any] = {"name": row.cells["name"]}
        if email := row.cells.get("email"):
            wanted["email"] = email.lower()
        if path := row.cells.get("department"):
            wanted["department"] = self.department(path)
        if role := row.cells.get("role"):
            if role.casefold() not in self.roles:
                raise Invalid(_("There is no role called “%(role)s”.") % {"role": role})
            wanted["role"] = self.roles[role.casefold()]
        known = self.members.get(row.cells["userid"].casefold())
        if known is None:
            created = create_member(self.actor, userid=row.cells["userid"], **wanted)
            self.members[created.userid.casefold()] = created
            return self.count(created.name, created=True, changed=True)
        if known.status == Member.Status.RESIGNED:
            raise Invalid(_("This member has left. Enable them first."))
        changes = {name: value for name, value in wanted.items() if getattr(known, name) != value}
        if changes:
            update_member(self.actor, member=known, changes=changes)
        return self.count(row.cells["name"], created=False, changed=bool(changes))


class _Departments(_Rows):
    key = "path"

    def __init__(self, actor: Actor, report: Report) -> None:
        super().__init__(actor, report)
        self.leaders: dict[str, Member] = {}
        for member in Member.objects.exclude(status=Member.Status.RESIGNED):
            self.leaders |= {name.casefold(): member for name in (member.email, member.userid) if name}

    def normal(self, key: str) -> str:
        return "/".join(name.strip() for name in key.strip("/").split("/"))

    def ordered(self) -> list[Row]:
        """Parents before children, so that each is made with what its own row says."""
        return sorted(self.report.table.rows, key=lambda row: row.cells["path"].count("/"))

    def work(self, row: Row) -> None:
        path = self.normal(row.cells["path"])
        created = path not in self.by_path
        if created:
            self.department(path)
        else:
            authority.require_department(self.actor, self.by_path[path].pk)
        department = self.by_path[path]
        changes: dict[str, Any] = {}
        if leader := row.cells.get("leader"):
            if leader.casefold() not in self.leaders:
                raise Invalid(_("Nobody here has the account or e-mail address “%(leader)s”.") % {"leader": leader})
            if department.leader_id != self.leaders[leader.casefold()].pk:
                changes["leader"] = self.leaders[leader.casefold()]
        if position := row.cells.get("position"):
            if not (position.isascii() and position.isdigit() and len(position) < 8):
                raise Invalid(_("The order is a whole number."))
            if department.position != int(position):
                changes["position"] = int(position)
        if changes:
            self.by_path[path] = update_department(self.actor, department=department, changes=changes)
        self.count(path, created=created, changed=bool(changes))
