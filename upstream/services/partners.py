"""Partners: adding, editing, verifying; moving, splitting and merging them (U3, U4, U5)."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy
from upstream.models import Partner, PartnerContact, PartnerPlace, RuleEnd, Series, Space, Subgroup
from upstream.rules import names
from upstream.services import bridges, chats, limits, people, spaces

MOST_ALIASES = 20
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_TEXTS = {"short_name": 64, "region": 64}


class PartnerKnown(Conflict):
    """The space has this partner already. Says which it is."""

    code = "partner_known"


def add_partner(
    actor: Actor,
    *,
    space: Space | None = None,
    series: Series | None = None,
    name: str,
    subgroups: Sequence[Subgroup] = (),
    **details: Any,
) -> Partner:
    """Add a partner to a space, or to the space of a series that has room. Raises Invalid, PartnerKnown, LimitReached.

    `details`: short_name, aliases, region, kind, owner, virtual, credit_code.
    """
    actor.require("spaces.edit")
    return enter(actor, space=space, series=series, name=name, subgroups=subgroups, **details)


def enter(
    actor: Actor,
    *,
    space: Space | None = None,
    series: Series | None = None,
    name: str,
    subgroups: Sequence[Subgroup] = (),
    **details: Any,
) -> Partner:
    """Add a partner; the caller answers for the permission."""
    partner = Partner(id=uuid7(), **_checked({"name": name, **details}))
    if series is not None:
        known = find_known(Space.objects.filter(series=series).values("id"), partner)
        if known is not None:
            raise _known(known)
        partner.space = spaces.place_in_series(actor, series=series)
    elif space is not None:
        partner.space = space
    else:
        raise Invalid({"space": [_("Say into which space or series.")]})
    if any(subgroup.space_id != partner.space_id for subgroup in subgroups):
        raise Invalid({"subgroups": [_("This subgroup is in another space.")]})
    if partner.credit_code and not partner.virtual:
        partner.verified_at = clock.now()
    _save(partner, force_insert=True)
    PartnerPlace.objects.bulk_create(PartnerPlace(partner=partner, subgroup=one) for one in dict.fromkeys(subgroups))
    if series is None:
        limits.take_partner(partner.space)
    after = {"space": partner.space.name, "name": partner.name, "virtual": partner.virtual}
    audit.record(actor, "partner.added", partner, after=after)
    return partner


def edit_partner(actor: Actor, *, partner: Partner, changes: dict[str, Any]) -> Partner:
    """Change what is known of a partner; `subgroups` says in which it is from now on. Raises Invalid, PartnerKnown."""
    actor.require("spaces.edit")
    partner = _locked(partner.pk)
    values = dict(changes)
    places = values.pop("subgroups", None)
    before, after = audit.changes(partner, _checked(values))
    if after:
        partner.version += 1
        _save(partner)
    if places is not None:
        old, new = _place(partner, places)
        if old != new:
            before["subgroups"], after["subgroups"] = old, new
    if after:
        audit.record(actor, "partner.changed", partner, before=before, after=after)
    return partner


def verify_partner(actor: Actor, *, partner: Partner, name: str = "", credit_code: str) -> Partner:
    """A virtual partner turns out to be this enterprise (U4); its old name is kept as an alias.

    Raises PartnerKnown when the space has that enterprise already: merge the two then.
    """
    actor.require("spaces.edit")
    partner = _locked(partner.pk)
    values = _checked({"name": name or partner.name, "credit_code": credit_code})
    if not values["credit_code"]:
        raise Invalid({"credit_code": [_("Enter the code of 18 digits and capitals from the business licence.")]})
    if names.key(values["name"]) != partner.name_key:
        values["aliases"] = _aliases([*partner.aliases, partner.name])
    before, after = audit.changes(partner, {**values, "virtual": False, "verified_at": clock.now()})
    partner.version += 1
    _save(partner)
    audit.record(actor, "partner.verified", partner, before=before, after=after)
    return partner


def move_partner(actor: Actor, *, partner: Partner, space: Space, subgroups: Sequence[Subgroup] = ()) -> Partner:
    """Move a partner with its people to another space. Rules and subgroups of the old one do not come along.

    Raises PartnerKnown, PersonKnown (somebody of it is there already, at another partner), LimitReached.
    """
    actor.require("spaces.edit")
    left = partner.space_id
    if left == space.pk:
        raise Invalid({"space": [_("It is in this space already.")]})
    if any(subgroup.space_id != space.pk for subgroup in subgroups):
        raise Invalid({"subgroups": [_("This subgroup is in another space.")]})
    # Both counters change: in the order of ids, so that two moves in opposite directions do not wait for each other.
    list(Space.objects.select_for_update(no_key=True).filter(pk__in=(left, space.pk)).order_by("pk").values_list("pk"))
    partner = _locked(partner.pk)
    if partner.space_id != left:
        raise Conflict(_("Somebody else moved it meanwhile."))
    theirs = PartnerContact.objects.filter(partner=partner)
    there = PartnerContact.objects.filter(space=space, person__in=theirs.values("person")).select_related("person")
    if met := list(there[:20]):
        raise people.PersonKnown(
            _("These people are in “%(space)s” already: %(names)s.")
            % {"space": space.name, "names": ", ".join(one.person.name for one in met)},
            contacts=[str(one.pk) for one in met],
        )
    chats.people_leave(list(theirs.values_list("pk", flat=True)))
    PartnerPlace.objects.filter(partner=partner).delete()
    RuleEnd.objects.filter(partner=partner).delete()
    before = {"space": partner.space.name}
    partner.space = space
    partner.version += 1
    _save(partner)
    theirs.update(space=space)
    PartnerPlace.objects.bulk_create(PartnerPlace(partner=partner, subgroup=one) for one in dict.fromkeys(subgroups))
    limits.give_back_partner(left)
    limits.take_partner(space)
    audit.record(actor, "partner.moved", partner, before=before, after={"space": space.name})
    return partner


def split_partner(
    actor: Actor, *, partner: Partner, seats: Sequence[PartnerContact], name: str, **details: Any
) -> Partner:
    """Make a partner of its own of some people, in the same space and subgroups. Raises PartnerKnown, LimitReached."""
    actor.require("spaces.edit")
    space = Space.objects.select_for_update(no_key=True).get(pk=partner.space_id)
    partner = _locked(partner.pk)
    chosen = PartnerContact.objects.filter(partner=partner, pk__in=[seat.pk for seat in seats])
    moved = chosen.count()
    if not moved or moved != len({seat.pk for seat in seats}):
        raise Invalid({"contacts": [_("Choose people of this partner.")]})
    places = Subgroup.objects.filter(places__partner=partner)
    made = enter(
        actor,
        space=space,
        name=name,
        subgroups=list(places),
        **{"kind": partner.kind, "owner": partner.owner, **details},
    )
    _copy_ends(partner, made)
    chosen.update(partner=made)
    limits.give_back_people(partner.pk, moved)
    limits.take_people(made, moved)
    audit.record(actor, "partner.split", partner, after={"into": made.name, "people": moved})
    return made


def merge_partners(actor: Actor, *, partner: Partner, into: Partner) -> Partner:
    """`partner` was `into` all along: its people, names, subgroups and rules become that one's, and it is gone (U4).

    Raises Invalid unless both are in one space, LimitReached when the people do not fit.
    """
    actor.require("spaces.edit")
    if partner.pk == into.pk or partner.space_id != into.space_id:
        raise Invalid({"into": [_("Choose another partner of the same space.")]})
    Space.objects.select_for_update(no_key=True).filter(pk=into.space_id).values_list("pk").get()
    both = {
        one.pk: one
        for one in Partner.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=(partner.pk, into.pk))
        .select_related("space", "owner")
        .order_by("pk")
    }
    if len(both) < 2 or both[partner.pk].space_id != both[into.pk].space_id:
        raise Conflict(_("Somebody else moved or merged it meanwhile."))
    gone, kept = both[partner.pk], both[into.pk]
    limits.take_people(kept, gone.contact_count)
    moved = PartnerContact.objects.filter(partner=gone).update(partner=kept)
    kept.contact_count = F("contact_count")
    _copy_ends(gone, kept)
    here = PartnerPlace.objects.filter(partner=kept).values_list("subgroup", flat=True)
    further = Subgroup.objects.filter(places__partner=gone).exclude(pk__in=list(here))
    PartnerPlace.objects.bulk_create([PartnerPlace(partner=kept, subgroup=one) for one in further])
    kept.aliases = _aliases([*kept.aliases, gone.name, gone.short_name, *gone.aliases], but=kept.name)
    kept.short_name = kept.short_name or gone.short_name
    kept.region = kept.region or gone.region
    kept.owner = kept.owner or gone.owner
    code = gone.credit_code
    bridges.carry(actor, partner=gone, into=kept)
    _erase(actor, gone)
    if not kept.credit_code and code:
        kept.credit_code, kept.verified_at, kept.virtual = code, gone.verified_at or clock.now(), False
    kept.version += 1
    _save(kept)
    kept.refresh_from_db()
    _check_leaders_after_merge(kept)
    audit.record(actor, "partner.merged", kept, before={"merged": gone.name}, after={"people": moved})
    return kept


def remove_partner(actor: Actor, *, partner: Partner) -> None:
    """Take a partner and its people out of the space. As customers, and in other spaces, the people stay."""
    actor.require("spaces.edit")
    Space.objects.select_for_update(no_key=True).filter(pk=partner.space_id).values_list("pk").get()
    gone = _locked(partner.pk)
    persons = list(PartnerContact.objects.filter(partner=gone).values_list("person_id", flat=True))
    chats.people_leave(list(PartnerContact.objects.filter(partner=gone).values_list("pk", flat=True)))
    PartnerContact.objects.filter(partner=gone).delete()
    before = {"space": gone.space.name, "people": len(persons)}
    pk, label = gone.pk, gone.name
    _erase(actor, gone)
    people.forget_people(persons)
    audit.record(actor, "partner.removed", subject_type="partner", subject_id=pk, subject_label=label, before=before)


# --- Steps ------------------------------------------------------------------------------------------------


def find_known(space_ids: Any, partner: Partner) -> Partner | None:
    """A partner of these spaces with the same name or credit code."""
    inside = Partner.objects.filter(space_id__in=space_ids)
    found = inside.filter(credit_code=partner.credit_code).first() if partner.credit_code else None
    return found or inside.filter(name_key=names.key(partner.name)[:255]).first()


def _known(known: Partner) -> PartnerKnown:
    return PartnerKnown(
        _("The space has this partner already: “%(name)s”.") % {"name": known.name},
        field="name",
        partner=str(known.pk),
    )


def _locked(pk: UUID) -> Partner:
    locked = Partner.objects.select_for_update(no_key=True, of=("self",)).select_related("space", "owner")
    found = locked.filter(pk=pk).first()
    if found is None:
        raise Conflict(_("Somebody else removed or merged it meanwhile."))
    return found


def _save(partner: Partner, **kwargs: Any) -> None:
    partner.write_keys()
    if not kwargs:
        kwargs["update_fields"] = [
            field.name for field in Partner._meta.concrete_fields if field.name not in ("id", "contact_count")
        ]
    try:
        with transaction.atomic():
            partner.save(**kwargs)
    except IntegrityError as error:
        known = find_known([partner.space_id], partner)
        if known is None:
            raise Conflict(_("Somebody else removed the space meanwhile.")) from error
        raise _known(known) from error


def _place(partner: Partner, subgroups: Sequence[Subgroup]) -> tuple[list[str], list[str]]:
    if any(subgroup.space_id != partner.space_id for subgroup in subgroups):
        raise Invalid({"subgroups": [_("This subgroup is in another space.")]})
    old = {place.subgroup_id: place.subgroup.name for place in partner.places.select_related("subgroup")}
    new = {subgroup.pk: subgroup.name for subgroup in subgroups}
    PartnerPlace.objects.filter(partner=partner, subgroup__in=old.keys() - new.keys()).delete()
    PartnerPlace.objects.bulk_create(PartnerPlace(partner=partner, subgroup_id=pk) for pk in new if pk not in old)
    return sorted(old.values()), sorted(new.values())


def _erase(actor: Actor, partner: Partner) -> None:
    """The partner is gone, with its connection, its places and its ends of rules; its people went before."""
    bridges.forget(actor, partner=partner)
    PartnerPlace.objects.filter(partner=partner).delete()
    RuleEnd.objects.filter(partner=partner).delete()
    Partner.objects.filter(pk=partner.pk).delete()
    limits.give_back_partner(partner.space_id)


def _copy_ends(source: Partner, target: Partner) -> None:
    """Rules that name `source` name `target` as well, so that nobody sees more, or less, than before."""
    named = RuleEnd.objects.filter(partner=source).exclude(
        rule__in=RuleEnd.objects.filter(partner=target).values("rule")
    )
    RuleEnd.objects.bulk_create(
        [RuleEnd(rule_id=rule, partner=target) for rule in named.values_list("rule", flat=True)]
    )


def _check_leaders_after_merge(partner: Partner) -> None:
    """Who led the smaller one leads no longer when there would be too many."""
    leaders = PartnerContact.objects.filter(partner=partner, leader=True).order_by("joined_at", "id")
    surplus = list(leaders.values_list("pk", flat=True)[policy().partner_leaders :])
    PartnerContact.objects.filter(pk__in=surplus).update(leader=False)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises Invalid."""
    found = dict(values)
    errors: dict[str, list[Any]] = {}
    if "name" in found:
        found["name"] = names.tidy(found["name"])
        if not names.key(found["name"]) or len(found["name"]) > 128:
            errors["name"] = [_("Give the partner a name of at most 128 characters.")]
    for field, longest in _TEXTS.items():
        if field in found:
            found[field] = names.tidy(found[field])
            if len(found[field]) > longest:
                errors[field] = [_("At most %(number)s characters.") % {"number": longest}]
    if "aliases" in found:
        found["aliases"] = _aliases(found["aliases"])
    if "kind" in found and found["kind"] not in Partner.Kind.values:
        errors["kind"] = [_("Choose one of the offered values.")]
    if "credit_code" in found:
        found["credit_code"] = names.key(found["credit_code"]).upper()
        if found["credit_code"] and not _CREDIT_CODE.fullmatch(found["credit_code"]):
            errors["credit_code"] = [_("Enter the code of 18 digits and capitals from the business licence.")]
    owner: Member | None = found.get("owner")
    if owner is not None and not owner.is_active:
        errors["owner"] = [_("This member is not active.")]
    if errors:
        raise Invalid(errors)
    return found


def _aliases(given: Sequence[str], but: str = "") -> list[str]:
    """Each once, in order, without empty ones."""
    found = {
        names.key(one): names.tidy(one)[:128] for one in given if names.key(one) and names.key(one) != names.key(but)
    }
    if len(found) > MOST_ALIASES:
        raise Invalid({"aliases": [_("At most %(number)s aliases.") % {"number": MOST_ALIASES}]})
    return list(found.values())
