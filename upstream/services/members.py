"""Who of ours is in a space, as a whole or for some subgroups; and correspondence rules (U6)."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Department, Member
from upstream.models import CorrespondenceRule, Partner, RuleEnd, Space, SpaceMember, Subgroup, SubgroupMember
from upstream.rules import names
from upstream.services import chats

MOST_MEMBERS = 1000
MOST_ENDS = 500


def add_members(
    actor: Actor, *, space: Space, members: Sequence[Member], subgroups: Sequence[Subgroup] = ()
) -> list[SpaceMember]:
    """Put members into a space: as a whole, or only for some subgroups. Those who are in it stay as they are."""
    actor.require("spaces.manage")
    wanted = {member.pk: member for member in members}
    if not wanted or len(wanted) > MOST_MEMBERS:
        raise Invalid({"members": [_("Choose 1 to %(most)s members.") % {"most": MOST_MEMBERS}]})
    if any(not member.is_active for member in wanted.values()):
        raise Invalid({"members": [_("This member is not active.")]})
    _check_subgroups(space, subgroups)
    seats = [SpaceMember(space=space, member=member) for member in wanted.values()]
    SpaceMember.objects.bulk_create(seats, ignore_conflicts=True)
    made = set(SpaceMember.objects.filter(pk__in=[seat.pk for seat in seats]).values_list("pk", flat=True))
    new = [seat for seat in seats if seat.pk in made]
    SubgroupMember.objects.bulk_create(SubgroupMember(seat=seat, subgroup=one) for seat in new for one in subgroups)
    if new:
        after = {"members": [seat.member.name for seat in new], "subgroups": [one.name for one in subgroups]}
        audit.record(actor, "space_member.added", space, after=after)
    return new


def place_member(actor: Actor, *, seat: SpaceMember, subgroups: Sequence[Subgroup]) -> SpaceMember:
    """Say for which subgroups a member is in the space; for none in particular: for the whole of it."""
    actor.require("spaces.manage")
    space = Space.objects.select_for_update(no_key=True).get(pk=seat.space_id)
    _check_subgroups(space, subgroups)
    old = dict(SubgroupMember.objects.filter(seat=seat).values_list("subgroup_id", "subgroup__name"))
    new = {one.pk: one.name for one in subgroups}
    SubgroupMember.objects.filter(seat=seat, subgroup__in=old.keys() - new.keys()).delete()
    SubgroupMember.objects.bulk_create(SubgroupMember(seat=seat, subgroup_id=pk) for pk in new if pk not in old)
    if old != new:
        before, after = {"subgroups": sorted(old.values())}, {"subgroups": sorted(new.values())}
        label = f"{space.name}: {seat.member.name}"
        audit.record(actor, "space_member.changed", space, subject_label=label, before=before, after=after)
    return seat


def remove_member(actor: Actor, *, seat: SpaceMember) -> None:
    """Take a member out of a space and its group chats. Partners that they own keep them as owner.

    Raises Conflict `owns_chats` for the owner of a group chat.
    """
    actor.require("spaces.manage")
    chats.member_leaves(seat.space, seat.member)
    SubgroupMember.objects.filter(seat=seat).delete()
    if SpaceMember.objects.filter(pk=seat.pk).delete()[0]:
        audit.record(actor, "space_member.removed", seat.space, before={"member": seat.member.name})


def _check_subgroups(space: Space, subgroups: Iterable[Subgroup]) -> None:
    if any(subgroup.space_id != space.pk for subgroup in subgroups):
        raise Invalid({"subgroups": [_("This subgroup is in another space.")]})


# --- Correspondence rules ---------------------------------------------------------------------------------


def create_rule(
    actor: Actor,
    *,
    space: Space,
    name: str,
    members: Sequence[Member] = (),
    departments: Sequence[Department] = (),
    subgroups: Sequence[Subgroup] = (),
    partners: Sequence[Partner] = (),
) -> CorrespondenceRule:
    """These of ours ↔ these partners. Whoever is named corresponds with nobody else from now on.

    Raises Invalid when a side is empty or of another space, Conflict `rule_taken` for a name that is there.
    """
    actor.require("spaces.manage")
    rule = CorrespondenceRule(space=space, name=_name(name))
    ends = _ends(rule, members, departments, subgroups, partners)
    _save(rule, force_insert=True)
    RuleEnd.objects.bulk_create(ends)
    audit.record(actor, "correspondence.created", rule, after={"space": space.name, **_sides(ends)})
    return rule


def edit_rule(actor: Actor, *, rule: CorrespondenceRule, changes: dict[str, Any]) -> CorrespondenceRule:
    """Change `name`, or the whole of what it joins: `members`, `departments`, `subgroups` and `partners`."""
    actor.require("spaces.manage")
    rule = (
        CorrespondenceRule.objects.select_for_update(no_key=True, of=("self",)).select_related("space").get(pk=rule.pk)
    )
    values: dict[str, Any] = {"name": _name(changes["name"])} if "name" in changes else {}
    before, after = audit.changes(rule, values)
    sides = {name: changes[name] for name in ("members", "departments", "subgroups", "partners") if name in changes}
    if sides:
        old = list(RuleEnd.objects.filter(rule=rule).select_related("member", "department", "subgroup", "partner"))
        kept = {f"{name}s": [getattr(end, name) for end in old if getattr(end, name)] for name in _KINDS}
        new = _ends(rule, **(kept | sides))
        if _sides(old) != _sides(new):
            RuleEnd.objects.filter(rule=rule).delete()
            RuleEnd.objects.bulk_create(new)
            before, after = {**before, **_sides(old)}, {**after, **_sides(new)}
    if after:
        rule.version += 1
        _save(rule)
        audit.record(actor, "correspondence.changed", rule, before=before, after=after)
    return rule


def delete_rule(actor: Actor, *, rule: CorrespondenceRule) -> None:
    """End a rule: whom no other rule names corresponds with everybody again."""
    actor.require("spaces.manage")
    ends = list(RuleEnd.objects.filter(rule=rule).select_related("member", "department", "subgroup", "partner"))
    RuleEnd.objects.filter(rule=rule).delete()
    pk, label = rule.pk, rule.name
    if CorrespondenceRule.objects.filter(pk=pk).delete()[0]:
        audit.record(
            actor,
            "correspondence.deleted",
            subject_type="correspondencerule",
            subject_id=pk,
            subject_label=label,
            before=_sides(ends),
        )


_KINDS = ("member", "department", "subgroup", "partner")


def _ends(
    rule: CorrespondenceRule,
    members: Sequence[Member],
    departments: Sequence[Department],
    subgroups: Sequence[Subgroup],
    partners: Sequence[Partner],
) -> list[RuleEnd]:
    if not members and not departments:
        raise Invalid({"members": [_("Name members or departments of yours.")]})
    if not subgroups and not partners:
        raise Invalid({"subgroups": [_("Name subgroups or partners.")]})
    _check_subgroups(rule.space, subgroups)
    if any(partner.space_id != rule.space_id for partner in partners):
        raise Invalid({"partners": [_("This partner is in another space.")]})
    given: dict[str, Sequence[Any]] = {
        "member": members,
        "department": departments,
        "subgroup": subgroups,
        "partner": partners,
    }
    ends = [RuleEnd(rule=rule, **{kind: one}) for kind, chosen in given.items() for one in dict.fromkeys(chosen)]
    if len(ends) > MOST_ENDS:
        raise Invalid(
            _("A rule names at most %(most)s members, departments, subgroups and partners.") % {"most": MOST_ENDS}
        )
    return ends


def _sides(ends: Iterable[RuleEnd]) -> dict[str, list[str]]:
    """What a rule joins, by name, for the audit trail."""
    found: dict[str, list[str]] = {f"{kind}s": [] for kind in _KINDS}
    for end in ends:
        for kind in _KINDS:
            if (one := getattr(end, kind)) is not None:
                found[f"{kind}s"].append(str(one))
    return {kind: sorted(ones) for kind, ones in found.items()}


def _name(name: str) -> str:
    name = names.tidy(name)
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the rule a name of at most 64 characters.")]})
    return name


def _save(rule: CorrespondenceRule, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            rule.save(**kwargs)
    except IntegrityError as error:
        if "rule_name" not in str(error):
            raise
        raise Conflict(_("There is a rule of this name already."), code="rule_taken", field="name") from error
