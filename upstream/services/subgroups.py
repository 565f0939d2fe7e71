"""The tree of subgroups in a space (U3)."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from upstream.models import Invitation, PartnerPlace, RuleEnd, Share, Space, Subgroup, SubgroupMember
from upstream.rules import names


def create_subgroup(
    actor: Actor, *, space: Space, name: str, parent: Subgroup | None = None, position: int = 0
) -> Subgroup:
    """Add a subgroup below `parent`, or at the top. Raises Invalid, Conflict `subgroup_taken`."""
    actor.require("spaces.manage")
    _lock_tree(space.pk)
    tree = parents(space.pk)
    if parent is not None and parent.space_id != space.pk:
        raise Invalid({"parent": [_("This subgroup is in another space.")]})
    if parent is not None:
        _check_depth(len(path(tree, parent.pk)) + 1)
    subgroup = Subgroup(space=space, parent=parent, name=_name(name), position=position)
    _save(subgroup, force_insert=True)
    audit.record(actor, "subgroup.created", subgroup, after={"space": space.name, "parent": parent})
    return subgroup


def edit_subgroup(actor: Actor, *, subgroup: Subgroup, changes: dict[str, Any]) -> Subgroup:
    """Change `name`, `parent` or `position`; what is below comes along. Raises Invalid for a circle."""
    actor.require("spaces.manage")
    _lock_tree(subgroup.space_id)
    subgroup = Subgroup.objects.select_for_update(no_key=True, of=("self",)).get(pk=subgroup.pk)
    values = dict(changes)
    if "name" in values:
        values["name"] = _name(values["name"])
    if (target := values.get("parent")) is not None:
        if target.space_id != subgroup.space_id:
            raise Invalid({"parent": [_("This subgroup is in another space.")]})
        tree = parents(subgroup.space_id)
        above = path(tree, target.pk)
        if subgroup.pk in above:
            raise Invalid({"parent": [_("A subgroup cannot be moved below itself.")]}, code="subgroup_circle")
        _check_depth(len(above) + _height(tree, subgroup.pk))
    before, after = audit.changes(subgroup, values)
    if after:
        subgroup.version += 1
        _save(subgroup, update_fields=[*after, "version"])
        audit.record(actor, "subgroup.changed", subgroup, before=before, after=after)
    return subgroup


def delete_subgroup(actor: Actor, *, subgroup: Subgroup) -> None:
    """Delete a subgroup that has none below it. Its partners stay in the space. Raises Conflict `subgroup_in_use`.

    A member who is in the space only for this subgroup, or a rule that names it, keeps it from being deleted:
    otherwise they would see more than before.
    """
    actor.require("spaces.manage")
    _lock_tree(subgroup.space_id)
    if Subgroup.objects.filter(parent=subgroup).exists():
        raise Conflict(_("Move or delete the subgroups below it first."), code="subgroup_in_use")
    if SubgroupMember.objects.filter(subgroup=subgroup).exists() or RuleEnd.objects.filter(subgroup=subgroup).exists():
        raise Conflict(_("Members or correspondence rules depend on it; change those first."), code="subgroup_in_use")
    if Invitation.objects.working().filter(subgroup=subgroup).exists():
        raise Conflict(_("An invitation leads there; revoke it first."), code="subgroup_in_use")
    if Share.objects.filter(subgroup=subgroup, withdrawn_at=None).exists():
        raise Conflict(_("Something is shared with it; withdraw that first."), code="subgroup_in_use")
    Invitation.objects.filter(subgroup=subgroup).update(subgroup=None)
    Share.objects.filter(subgroup=subgroup).update(subgroup=None)
    PartnerPlace.objects.filter(subgroup=subgroup).delete()
    pk, label = subgroup.pk, subgroup.name
    try:
        with transaction.atomic():
            subgroup.delete()
    except IntegrityError as error:
        raise Conflict(_("It is still in use elsewhere."), code="subgroup_in_use") from error
    audit.record(actor, "subgroup.deleted", subject_type="subgroup", subject_id=pk, subject_label=label)


def parents(space_id: UUID) -> dict[UUID, UUID | None]:
    """Every subgroup of the space and the one above it."""
    return dict(Subgroup.objects.filter(space_id=space_id).values_list("pk", "parent_id"))


def path(tree: dict[UUID, UUID | None], pk: UUID) -> list[UUID]:
    """The subgroup and all above it."""
    found: list[UUID] = []
    at: UUID | None = pk
    while at is not None:
        found.append(at)
        at = tree[at]
    return found


def _height(tree: dict[UUID, UUID | None], pk: UUID) -> int:
    """How many levels the subgroup and what is below it have."""
    return max(above.index(pk) + 1 for above in (path(tree, one) for one in tree) if pk in above)


def _check_depth(depth: int) -> None:
    most = policy().subgroup_levels
    if depth > most:
        raise Invalid({"parent": [_("The tree can be %(depth)s levels deep.") % {"depth": most}]}, code="too_deep")


def _lock_tree(space_id: UUID) -> None:
    """Two moves at once could close a circle that neither of them sees."""
    Space.objects.select_for_update(no_key=True).filter(pk=space_id).values_list("pk").get()


def _name(name: str) -> str:
    name = names.tidy(name)
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the subgroup a name of at most 64 characters.")]})
    if "/" in name:
        raise Invalid({"name": [_("A name cannot contain “/”: it parts the levels in files.")]})
    return name


def _save(subgroup: Subgroup, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            subgroup.save(**kwargs)
    except IntegrityError as error:
        if "subgroup_name" not in str(error):
            raise
        raise Conflict(_("There is a subgroup of this name already."), code="subgroup_taken", field="name") from error
