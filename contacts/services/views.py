"""Saved views: a filter with a name, an order and columns, one's own or shared."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, NotFound
from common.sql import lock
from contacts.filters import ORDERINGS, ContactFilter
from contacts.models import SavedView, Tag
from contacts.rules import TAG_QUESTIONS, asking_another_tag
from enterprises import audit
from enterprises.actors import Actor

MOST = 50
MOST_COLUMNS = 30


def save_view(
    actor: Actor,
    *,
    name: str,
    filter: Mapping[str, Any],
    ordering: str = "-added_at",
    columns: Sequence[str] = (),
    shared: bool = False,
) -> SavedView:
    """Keep a filter under a name. Raises Conflict name_taken, too_many; sharing needs views.share."""
    actor.require("contacts.view")
    if actor.member is None:
        raise TypeError("Only members have views.")
    lock(f"views:{actor.member.pk}")
    if SavedView.objects.filter(member=actor.member).count() >= MOST:
        raise Conflict(_("You have %(most)s views. Delete one first.") % {"most": MOST}, code="too_many")
    view = SavedView(member=actor.member)
    after = _set(
        actor, view, {"name": name, "filter": filter, "ordering": ordering, "columns": columns, "shared": shared}
    )
    _save(view, force_insert=True)
    audit.record(actor, "view.saved", view, after=after)
    return view


def change_view(actor: Actor, *, view: SavedView, **changes: Any) -> SavedView:
    """Change some of name, filter, ordering, columns, shared; those of others need views.share."""
    view = _held(actor, view)
    before = {name: getattr(view, name) for name in changes}
    after = {name: value for name, value in _set(actor, view, changes).items() if value != before[name]}
    if after:
        _save(view, update_fields=list(after))
        audit.record(actor, "view.changed", view, before={name: before[name] for name in after}, after=after)
    return view


def delete_view(actor: Actor, *, view: SavedView) -> None:
    """Forget a view; those of others need views.share."""
    view = _held(actor, view)
    audit.record(actor, "view.deleted", view, before={"name": view.name, "filter": view.filter, "shared": view.shared})
    view.delete()


def asking(tag: Tag) -> QuerySet[SavedView]:
    """The views, whosever they are, that ask for this tag."""
    named = Q()
    for question in TAG_QUESTIONS:
        named |= Q(**{f"filter__{question}__contains": [str(tag.pk)]})
    return SavedView.objects.filter(named)


def forget_tag(tag: Tag, into: Tag) -> None:
    """After a merge: views that ask for the tag ask for the other one, and go on showing whom they showed."""
    for view in asking(tag).select_for_update(no_key=True).order_by("id"):
        view.filter = asking_another_tag(view.filter, str(tag.pk), str(into.pk))
        view.save(update_fields=["filter"])


def _held(actor: Actor, view: SavedView) -> SavedView:
    """The view as it is now, locked, when the actor may change it. Raises NotFound when somebody deleted it."""
    found = SavedView.objects.select_for_update(no_key=True, of=("self",)).select_related("member").filter(pk=view.pk)
    held = found.first()
    if held is None:
        raise NotFound()
    if held.member_id != actor.member_id:
        actor.require("views.share")
    return held


def _set(actor: Actor, view: SavedView, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Put checked values on the view; raises Invalid with a message per field."""
    values = dict(changes)
    errors: dict[str, list[Any]] = {}
    if "name" in values:
        values["name"] = " ".join(str(values["name"]).split())
        if not 1 <= len(values["name"]) <= 40:
            errors["name"] = [_("A name has 1 to 40 characters.")]
    if "filter" in values:
        values["filter"] = ContactFilter.from_params(values["filter"], actor).params
    if "ordering" in values and values["ordering"].removeprefix("-") not in ORDERINGS:
        errors["ordering"] = [_("This list cannot be ordered like that.")]
    if "columns" in values:
        values["columns"] = list(dict.fromkeys(values["columns"]))
        if len(values["columns"]) > MOST_COLUMNS or not all(re.fullmatch("[a-z_]{1,32}", c) for c in values["columns"]):
            errors["columns"] = [_("There are no such columns.")]
    if errors:
        raise Invalid(errors)
    if values.get("shared") and not view.shared:
        actor.require("views.share")
    for name, value in values.items():
        setattr(view, name, value)
    return values


def _save(view: SavedView, **options: Any) -> None:
    try:
        with transaction.atomic():
            view.save(**options)
    except IntegrityError as error:
        raise Conflict(_("You have a view of this name already."), code="name_taken") from error
