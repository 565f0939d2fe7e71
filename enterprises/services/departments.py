"""The department tree: create, rename, move, delete."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from common.sql import rows
from enterprises import audit, authority
from enterprises.actors import Actor
from enterprises.models import AdminRange, Department, Member
from enterprises.signals import people_moved

MAX_DEPTH = 15  # WeCom's own limit: a deeper tree could never be synchronised


def create_department(
    actor: Actor, *, name: str, parent: Department | None = None, leader: Member | None = None, position: int = 0
) -> Department:
    """Add a department below `parent`, or at the top. Raises Invalid, Forbidden, Conflict (`name_taken`)."""
    actor.require("members.manage")
    authority.require_department(actor, parent.pk if parent else None)
    if parent is not None:
        _lock_tree()
    department = Department(name=_name(name), parent=parent, leader=_leader(leader), position=position)
    if parent is not None and len(_path(parent.pk)) >= MAX_DEPTH:
        raise Invalid({"parent": [_("The tree can be %(depth)s levels deep.") % {"depth": MAX_DEPTH}]})
    _save(department, force_insert=True)
    audit.record(actor, "department.created", department, after={"name": department.name, "parent": parent})
    return department


def update_department(actor: Actor, *, department: Department, changes: dict[str, Any]) -> Department:
    """Change `name`, `parent`, `leader` or `position`; moving takes the whole subtree along.

    Raises Forbidden outside of the actor's departments, Invalid for a circle (`parent`), Conflict for a name
    that its new neighbours have.
    """
    actor.require("members.manage")
    moving = "parent" in changes and changes["parent"] != department.parent
    if moving:
        _lock_tree()
    department = Department.objects.select_for_update(no_key=True, of=("self",)).get(pk=department.pk)
    authority.require_department(actor, department.pk)
    values = dict(changes)
    if "name" in values:
        values["name"] = _name(values["name"])
    if "leader" in values:
        values["leader"] = _leader(values["leader"])
    if moving:
        _check_move(actor, department, values["parent"])
    parent_before = department.parent_id
    before, after = audit.changes(department, values)
    if after:
        department.version += 1
        _save(department, update_fields=[*after, "version"])
        audit.record(actor, "department.changed", department, before=before, after=after)
    if "parent" in after:
        people = Member.objects.filter(department_id__in=authority.subtree([department.pk]))
        people_moved.send(sender=Department, members=people, before=parent_before, after=department.parent_id)
    return department


def delete_department(actor: Actor, *, department: Department) -> None:
    """Delete an empty department. People who left stay in the department above.

    Raises Conflict (`department_in_use`) while it has departments, members or admins.
    """
    actor.require("members.manage")
    authority.require_department(actor, department.pk)
    department = Department.objects.select_for_update(of=("self",), no_key=False).get(pk=department.pk)
    authority.require_department(actor, department.parent_id)
    present = Member.objects.filter(department=department).exclude(status=Member.Status.RESIGNED)
    if Department.objects.filter(parent=department).exists() or present.exists():
        raise Conflict(_("Move its departments and members first."), code="department_in_use")
    if AdminRange.objects.filter(department=department).exists():
        raise Conflict(_("It is given to a graded admin; take it back first."), code="department_in_use")
    Member.objects.filter(department=department).update(department=department.parent_id)
    label = str(department)
    pk = department.pk
    try:
        with transaction.atomic():
            department.delete()
    except (ProtectedError, IntegrityError) as error:
        raise Conflict(_("It is still in use elsewhere, for example by a budget."), code="department_in_use") from error
    audit.record(
        actor,
        "department.deleted",
        subject_type="department",
        subject_id=pk,
        subject_label=label,
        before={"name": label},
    )


def paths() -> dict[UUID, str]:
    """Every department's path, such as 华南/深圳."""
    known = {pk: (parent, name) for pk, parent, name in Department.objects.values_list("pk", "parent_id", "name")}
    found: dict[UUID, str] = {}

    def path(pk: UUID) -> str:
        if pk not in found:
            parent, name = known[pk]
            found[pk] = f"{path(parent)}/{name}" if parent in known else name
        return found[pk]

    for pk in known:
        path(pk)
    return found


def _check_move(actor: Actor, department: Department, target: Department | None) -> None:
    authority.require_department(actor, department.parent_id)
    authority.require_department(actor, target.pk if target else None)
    if target is None:
        return
    above = _path(target.pk)
    if department.pk in above:
        raise Invalid({"parent": [_("A department cannot be moved below itself.")]}, code="department_circle")
    if len(above) + _height(department.pk) > MAX_DEPTH:
        raise Invalid({"parent": [_("The tree can be %(depth)s levels deep.") % {"depth": MAX_DEPTH}]})


def _lock_tree() -> None:
    """Two moves at once could close a circle that neither of them sees: one after the other, then look."""
    list(Department.objects.select_for_update(no_key=True, of=("self",)).order_by("id").values_list("pk", flat=True))


def _path(pk: UUID) -> list[UUID]:
    """The department and all above it, as they are now."""
    found = rows(
        """
        WITH RECURSIVE up AS (
            SELECT id, parent_id FROM enterprises_department
            WHERE enterprise_id = current_setting('app.enterprise_id')::uuid AND id = %(pk)s
            UNION
            SELECT d.id, d.parent_id FROM enterprises_department d JOIN up ON d.id = up.parent_id
            WHERE d.enterprise_id = current_setting('app.enterprise_id')::uuid
        )
        SELECT id FROM up
        """,
        {"pk": pk},
    )
    return [one for (one,) in found]


def _height(pk: UUID) -> int:
    """How many levels this subtree has."""
    [(height,)] = rows(
        """
        WITH RECURSIVE down AS (
            SELECT id, 1 AS level FROM enterprises_department
            WHERE enterprise_id = current_setting('app.enterprise_id')::uuid AND id = %(pk)s
            UNION
            SELECT d.id, down.level + 1 FROM enterprises_department d JOIN down ON d.parent_id = down.id
            WHERE d.enterprise_id = current_setting('app.enterprise_id')::uuid
        )
        SELECT max(level) FROM down
        """,
        {"pk": pk},
    )
    return int(height)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the department a name of at most 64 characters.")]})
    if "/" in name:
        raise Invalid({"name": [_("A name cannot contain “/”: it parts the levels in files.")]})
    return name


def _leader(leader: Member | None) -> Member | None:
    if leader is not None and leader.status != Member.Status.ACTIVE:
        raise Invalid({"leader": [_("Only active members can lead a department.")]})
    return leader


def _save(department: Department, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            department.save(**kwargs)
    except IntegrityError as error:
        if "department_name" not in str(error):
            raise
        raise Conflict(_("There is a department of this name already."), code="name_taken", field="name") from error
