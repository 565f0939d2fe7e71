"""Sharing with partners: making shares, withdrawing them, counting who opened them (U11)."""

from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid
from common.ids import uuid7
from common.sql import insert
from enterprises import audit
from enterprises.actors import Actor
from upstream.models import Partner, PartnerPlace, Person, Series, Share, ShareOpen, Space, Subgroup
from upstream.rules import names
from upstream.services import attachments
from upstream.services.subgroups import parents, path

SCHEMES = {"http", "https", "weixin", "wxwork"}


def is_address(url: str) -> bool:
    """Is it something that a partner may be led to: one address, of a scheme that runs nothing here?"""
    return urlsplit(url).scheme in SCHEMES and len(url) <= 2000 and len(url.split()) == 1


def create_share(
    actor: Actor,
    *,
    kind: str,
    title: str,
    space: Space | None = None,
    series: Series | None = None,
    subgroup: Subgroup | None = None,
    note: str = "",
    url: str = "",
    starts_at: datetime | None = None,
    file: File | None = None,
) -> Share:
    """Share a link, mini-program, folder, document, meeting or file. Those below a subgroup have it as well.

    Raises Invalid.
    """
    actor.require("spaces.share")
    errors: dict[str, list[object]] = {}
    if (space is None) == (series is None):
        errors["space"] = [_("Say into which space or series.")]
    if subgroup is not None and (space is None or subgroup.space_id != space.pk):
        errors["subgroup"] = [_("This subgroup is in another space.")]
    if kind not in Share.Kind.values:
        errors["kind"] = [_("Choose one of the offered values.")]
    if starts_at is not None and kind != Share.Kind.MEETING:
        errors["starts_at"] = [_("Only a meeting has a beginning.")]
    title = names.tidy(title)
    if not 1 <= len(title) <= 128:
        errors["title"] = [_("Give it a title of at most 128 characters.")]
    url = url.strip()
    if kind == Share.Kind.FILE:
        if file is None:
            errors["file"] = [_("Choose a file.")]
        elif (refused := attachments.too_large(file)) is not None:
            errors["file"] = [refused]
    elif not is_address(url):
        errors["url"] = [_("Enter an address such as https://…")]
    if errors:
        raise Invalid(errors)  # type: ignore[arg-type]
    share = Share(
        id=uuid7(),
        kind=kind,
        title=title,
        space=space,
        series=series,
        subgroup=subgroup,
        note=names.tidy(note)[:500],
        url="" if kind == Share.Kind.FILE else url,
        starts_at=starts_at,
        created_by=actor.member,
    )
    if kind == Share.Kind.FILE and file is not None:
        kept = attachments.keep(file, folder="shares", owner=share.pk)
        share.file, share.file_name, share.size = kept.file, kept.file_name, kept.size
    share.save(force_insert=True)
    after = {"kind": kind, "target": str(space or series), "subgroup": subgroup}
    audit.record(actor, "share.created", share, after=after)
    return share


def withdraw(actor: Actor, *, share: Share) -> Share:
    """It disappears from every workbench at once. Twice changes nothing."""
    actor.require("spaces.share")
    if Share.objects.filter(pk=share.pk, withdrawn_at=None).update(withdrawn_at=clock.now()):
        audit.record(actor, "share.withdrawn", share)
    share.refresh_from_db()
    return share


def forget(shares: QuerySet[Share]) -> None:
    """Delete shares for good, with who opened them and their files."""
    kept = list(shares.exclude(file="").values_list("file", flat=True))
    ShareOpen.objects.filter(share__in=shares.values("id")).delete()
    shares.delete()
    for name in kept:
        transaction.on_commit(partial(default_storage.delete, name), robust=True)


def shared_with(partner: Partner) -> QuerySet[Share]:
    """What a partner has: shares of its space, of the space's series, and of its subgroups and all above them."""
    tree = parents(partner.space_id)
    inside = PartnerPlace.objects.filter(partner=partner).values_list("subgroup_id", flat=True)
    above = {one for place in inside for one in path(tree, place)}
    mine = Q(space=partner.space_id) & (Q(subgroup=None) | Q(subgroup__in=above))
    if partner.space.series_id:
        mine |= Q(series=partner.space.series_id)
    return Share.objects.filter(mine, withdrawn_at=None).order_by("-created_at", "-id")


def count_open(share: Share, person: Person) -> None:
    """Somebody opened it."""
    if not insert(ShareOpen(share=share, person=person), unless_there=True):
        ShareOpen.objects.filter(share=share, person=person).update(times=F("times") + 1, last_at=clock.now())
