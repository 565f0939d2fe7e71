"""Spaces and series: making, renaming, ending them; which space of a series takes the next partner (U1, U2, U8)."""

from itertools import islice
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from common.ids import uuid7
from common.sql import insert
from common.tenancy import current_enterprise_id
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from upstream.models import (
    Application,
    CorrespondenceRule,
    Invitation,
    Invitee,
    RuleEnd,
    Series,
    Share,
    Space,
    SpaceMember,
    SpaceName,
    Subgroup,
    SubgroupMember,
)
from upstream.rules import names
from upstream.services import chats, limits, shares

PROPOSED = 3
_LOOKED_AT = 40  # how many candidates are looked up to find the free ones


class NameTaken(Conflict):
    """Somebody in the installation has a space of this name (U2). Proposes free ones."""

    code = "name_taken"


def create_space(
    actor: Actor,
    *,
    name: str,
    purpose: str = "",
    series: Series | None = None,
    partners_open: bool = False,
) -> Space:
    """Make a space, with the actor in it. Raises Invalid, NameTaken with proposals, LimitReached."""
    actor.require("spaces.manage")
    if series is not None:
        series = lock_series(series.pk)
    return _create(actor, name=name, purpose=purpose, series=series, partners_open=partners_open)


def _create(actor: Actor, *, name: str, purpose: str, series: Series | None, partners_open: bool) -> Space:
    space = Space(id=uuid7(), name=_checked(name), purpose=purpose.strip()[:500], partners_open=partners_open)
    if series is not None:
        space.series, space.number = series, _next_number(series)
    _claim(actor, space)
    limits.take_space()
    space.save(force_insert=True)
    if actor.member is not None:
        SpaceMember.objects.create(space=space, member=actor.member)
    after = {"name": space.name, "series": series.name if series else None, "partners_open": partners_open}
    audit.record(actor, "space.created", space, after=after)
    return space


def edit_space(actor: Actor, *, space: Space, changes: dict[str, Any]) -> Space:
    """Change `name`, `purpose` or `partners_open`. Raises Invalid, NameTaken."""
    actor.require("spaces.manage")
    space = Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    values = dict(changes)
    if "name" in values:
        values["name"] = _checked(values["name"])
    if "purpose" in values:
        values["purpose"] = values["purpose"].strip()[:500]
    old = names.digest(space.name)
    before, after = audit.changes(space, values)
    if not after:
        return space
    if names.digest(space.name) != old:
        _claim(actor, space)
        SpaceName.objects.filter(digest=old, space_id=space.pk).delete()
    space.version += 1
    space.save(update_fields=[*after, "version"])
    audit.record(actor, "space.changed", space, before=before, after=after)
    return space


def delete_space(actor: Actor, *, space: Space) -> None:
    """End a space that has no partners (any more); its name is free again. Raises Conflict `space_in_use`."""
    actor.require("spaces.manage")
    space = Space.objects.select_for_update(no_key=False).get(pk=space.pk)
    if space.partner_count:
        raise Conflict(_("Move or remove its partners first."), code="space_in_use", partners=space.partner_count)
    Invitee.objects.filter(invitation__space=space).delete()
    Application.objects.filter(invitation__space=space).delete()
    Invitation.objects.filter(space=space).delete()
    chats.forget(space)
    shares.forget(Share.objects.filter(space=space))
    RuleEnd.objects.filter(rule__space=space).delete()
    CorrespondenceRule.objects.filter(space=space).delete()
    SubgroupMember.objects.filter(seat__space=space).delete()
    SpaceMember.objects.filter(space=space).delete()
    while Subgroup.objects.filter(space=space, children=None).delete()[0]:
        pass  # from the leaves up
    before = {"name": space.name, "series": space.series.name if space.series else None}
    pk, label = space.pk, space.name
    try:
        with transaction.atomic():
            space.delete()
    except IntegrityError as error:
        raise Conflict(_("It is still in use elsewhere."), code="space_in_use") from error
    SpaceName.objects.filter(space_id=pk, enterprise_id=current_enterprise_id()).delete()
    limits.give_back_space()
    audit.record(actor, "space.deleted", subject_type="space", subject_id=pk, subject_label=label, before=before)


# --- Names ------------------------------------------------------------------------------------------------


def free_names(name: str, enterprise: str, number: int = PROPOSED) -> list[str]:
    """Names close to `name` that nobody in the installation has at this moment."""
    candidates = list(islice(names.proposals(name, enterprise), _LOOKED_AT))
    digests = {names.digest(one): one for one in candidates}
    taken = set(SpaceName.objects.filter(digest__in=digests).values_list("digest", flat=True))
    return [one for digest, one in digests.items() if digest not in taken][:number]


def _claim(actor: Actor, space: Space) -> None:
    """Take the name for this space; somebody else's claim under way is waited for (U2)."""
    claim = SpaceName(digest=names.digest(space.name), enterprise_id=current_enterprise_id(), space_id=space.pk)
    if insert(claim, unless_there=True):
        return
    raise NameTaken(
        _("A space of this name exists already. Names are unique in the whole network."),
        field="name",
        proposals=free_names(space.name, actor.enterprise.name),
    )


def _checked(name: str) -> str:
    name = names.tidy(name)
    if not names.key(name) or len(name) > names.LONGEST:
        raise Invalid({"name": [_("Give the space a name of at most 64 characters.")]})
    return name


# --- Series -----------------------------------------------------------------------------------------------


def create_series(actor: Actor, *, name: str, purpose: str = "", partners_open: bool = False) -> Series:
    """Start a series with its first space, such as "Media 1" (U8). Raises Invalid, Conflict, LimitReached."""
    actor.require("spaces.manage")
    name = names.tidy(name)
    if not names.key(name) or len(name) > 48:
        raise Invalid({"name": [_("Give the series a name of at most 48 characters.")]})
    series = Series(name=name, purpose=purpose.strip()[:500])
    if not insert(series, unless_there=True):
        raise Conflict(_("There is a series of this name already."), code="series_taken", field="name")
    audit.record(actor, "series.created", series, after={"name": name})
    _open_next(actor, series, partners_open=partners_open)
    return series


def lock_series(pk: UUID) -> Series:
    """The series, so that nobody else opens a space of it meanwhile."""
    return Series.objects.select_for_update(no_key=True).get(pk=pk)


def place_in_series(actor: Actor, *, series: Series) -> Space:
    """Take a place for one partner in the first space of the series with room; open the next in time (U8, U1).

    Raises LimitReached when the series is full and no space can be opened any more.
    """
    series = lock_series(series.pk)
    spaces = list(Space.objects.filter(series=series).order_by("number"))
    chosen = next((space for space in spaces if _takes(space)), None)
    if chosen is None:
        chosen = _open_next(actor, series)
        limits.take_partner(chosen)
        spaces.append(chosen)
    if _filled(series) * 100 >= policy().series_open_percent * policy().space_partners * len(spaces):
        open_ahead(actor, series)
    return chosen


def open_ahead(actor: Actor, series: Series) -> Space | None:
    """Open the next space before the last is full; none when the enterprise may have no further space."""
    last = Space.objects.filter(series=series).order_by("-number").first()
    if limits.free_spaces() == 0 or last is None:
        return None
    try:
        with transaction.atomic():
            return _open_next(actor, series, partners_open=last.partners_open)
    except limits.LimitReached:
        return None


def _takes(space: Space) -> bool:
    try:
        limits.take_partner(space)
    except limits.LimitReached:
        return False
    return True


def _filled(series: Series) -> int:
    return sum(Space.objects.filter(series=series).values_list("partner_count", flat=True))


def _open_next(actor: Actor, series: Series, *, partners_open: bool | None = None) -> Space:
    """The next space of the series, under its own name or the nearest free one; ours in the last one come along."""
    last = Space.objects.filter(series=series).order_by("-number").first()
    if partners_open is None:
        partners_open = bool(last and last.partners_open)
    wanted = f"{series.name} {_next_number(series)}"
    candidates = [wanted, *free_names(wanted, actor.enterprise.name)]
    for name in candidates:
        try:
            space = _create(actor, name=name, purpose=series.purpose, series=series, partners_open=partners_open)
        except NameTaken:
            continue
        break
    else:
        raise NameTaken(_("No free name was found for the next space."), proposals=candidates)
    if last is not None:
        present = set(SpaceMember.objects.filter(space=space).values_list("member_id", flat=True))
        others = SpaceMember.objects.filter(space=last).exclude(member__in=present).values_list("member_id", flat=True)
        SpaceMember.objects.bulk_create(SpaceMember(space=space, member_id=member) for member in others)
        audit.record(actor, "series.opened", space, after={"series": series.name, "number": space.number})
    return space


def _next_number(series: Series) -> int:
    return (Space.objects.filter(series=series).aggregate(last=Max("number"))["last"] or 0) + 1
