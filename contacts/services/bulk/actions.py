"""What can be done to many contacts at once, and what takes it back (C5, C8, C13).

An action is SQL: `left_out` says of one contact why it is left out ('' when it is not), `apply` changes all contacts
of a batch. `left_out` is used by previews as well, so what was shown is what is done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, Text
from common.ids import parse_uuid
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Tag
from contacts.queries import nameable
from contacts.rules import Right
from contacts.services.bulk import places, relations, removal, taggings
from contacts.services.bulk.batch import Batch
from contacts.services.steps import out_of_range
from enterprises.actors import Actor
from enterprises.models import Member

MANY_TAGS = 50


def _no_options(actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Action:
    """One kind of bulk work. `delta`: what each contact does to the number served; `before`: SQL of what an item
    keeps for the undo; `check`: asked in every step; `lock`: of the contacts."""

    name: str
    label: Text
    right: Right
    left_out: str
    apply: Callable[[Batch], None]
    delta: int = 0
    names: frozenset[str] = frozenset()
    options: Callable[[Actor, dict[str, Any]], dict[str, Any]] = _no_options
    before: str = "item.before"
    undo: str | None = None
    undoes: str | None = None
    lock: str = "NO KEY UPDATE"
    check: Callable[[dict[str, Any]], object] = field(default=lambda options: None)

    @property
    def permission(self) -> str:
        """The code that a role must give."""
        return self.right.code

    @property
    def reason(self) -> str:
        """SQL: why this contact is left out, '' when it is not. What may not be done to it comes first (O2)."""
        return f"""CASE WHEN contact.id IS NULL THEN 'not_found' WHEN NOT {access.permits(self.right)}
            THEN 'not_allowed' ELSE {self.left_out} END"""

    @property
    def job(self) -> str:
        """The name of its job."""
        return f"contacts.{self.name}"


# --- Options --------------------------------------------------------------------------------------------------


def _on_full(actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
    """Q10: what happens when places run out."""
    wish = options.get("on_full", "refuse")
    if wish not in ("refuse", "partial"):
        raise Invalid({"on_full": [_("Say refuse (all or nothing) or partial (as many as fit).")]})
    return {"on_full": wish}


def _tags(actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
    given = options.get("tags")
    wanted = {parse_uuid(tag) for tag in given} if isinstance(given, list) else set()
    if not wanted or None in wanted or len(wanted) > MANY_TAGS:
        raise Invalid({"tags": [_("Name 1 to 50 tags by their ids.")]})
    if Tag.objects.filter(pk__in=wanted).count() != len(wanted):
        raise Invalid({"tags": [_("There is no such tag.")]})
    return {"tags": sorted(str(tag) for tag in wanted)}


def _owner(actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
    """An active member; a graded admin names one in range (O4)."""
    owner = Member.objects.filter(pk=parse_uuid(options.get("owner")) or current_enterprise_id()).first()
    if owner is None:
        raise Invalid({"owner": [_("There is no such member.")]})
    if not owner.is_active:
        raise Invalid({"owner": [_("This member is not active.")]})
    if not nameable(actor).filter(pk=owner.pk).exists():
        raise out_of_range()
    return {"owner": str(owner.pk)}


def _count(actor: Actor, options: dict[str, Any]) -> dict[str, Any]:
    """Deleting for good asks for the number of contacts, typed in (C8)."""
    count = options.get("count")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise Invalid({"count": [_("Enter how many contacts will be deleted for good.")]})
    return {"count": count}


# --- Checks of every step -------------------------------------------------------------------------------------


def _hold_tags(options: dict[str, Any]) -> int:
    """Nobody deletes a tag from under the batch; returns how many there still are."""
    held = rows(
        """
        SELECT id FROM contacts_tag WHERE enterprise_id = %(enterprise)s AND id = ANY (%(tags)s::uuid[])
        ORDER BY id FOR KEY SHARE
        """,
        {"enterprise": current_enterprise_id(), "tags": options["tags"]},
    )
    return len(held)


def _tags_stand(options: dict[str, Any]) -> None:
    if _hold_tags(options) < len(options["tags"]):
        raise Conflict(_("A tag was deleted meanwhile."), code="tag_gone")


def _owner_stays(options: dict[str, Any]) -> None:
    if not Member.objects.filter(pk=options["owner"], status=Member.Status.ACTIVE).exists():
        raise Conflict(_("This member is not active."), code="owner_gone")


# --- The actions ----------------------------------------------------------------------------------------------

ARCHIVE = Action(
    "archive",
    _("Archive contacts"),
    Right.ARCHIVE,
    places.CANNOT_ARCHIVE,
    places.archive,
    delta=-1,
    undo="contacts.unarchive",
)
RESTORE = Action(
    "restore",
    _("Restore contacts"),
    Right.ARCHIVE,
    places.CANNOT_RESTORE,
    places.restore,
    delta=+1,
    names=frozenset({"on_full"}),
    options=_on_full,
    undo="contacts.unrestore",
)
TAG = Action(
    "tag",
    _("Tag contacts"),
    Right.TAG,
    taggings.CANNOT_TAG,
    taggings.tag,
    names=frozenset({"tags"}),
    options=_tags,
    check=_tags_stand,
    before=taggings.MADE,
    undo="contacts.undo_tag",
)
UNTAG = Action(
    "untag",
    _("Remove tags"),
    Right.TAG,
    taggings.CANNOT_UNTAG,
    taggings.untag,
    names=frozenset({"tags"}),
    options=_tags,
    before=taggings.TAKEN,
    undo="contacts.undo_untag",
)
TRANSFER = Action(
    "transfer",
    _("Change the owner"),
    Right.ASSIGN,
    relations.CANNOT_TRANSFER,
    relations.transfer,
    names=frozenset({"owner"}),
    options=_owner,
    check=_owner_stays,
    before=relations.BEFORE,
    undo="contacts.undo_transfer",
)
DELETE = Action(
    "delete",
    _("Delete contacts for good"),
    Right.DELETE,
    removal.CANNOT_DELETE,
    removal.delete,
    names=frozenset({"count"}),
    options=_count,
    lock="UPDATE",
)

ACTIONS = {action.name: action for action in (ARCHIVE, RESTORE, TAG, UNTAG, TRANSFER, DELETE)}

UNDOING = (
    Action(
        "unarchive",
        _("Undo: archive contacts"),
        Right.ARCHIVE,
        places.CANNOT_UNARCHIVE,
        places.restore,
        delta=+1,
        undoes=ARCHIVE.job,
    ),
    Action(
        "unrestore",
        _("Undo: restore contacts"),
        Right.ARCHIVE,
        places.CANNOT_UNRESTORE,
        places.archive,
        delta=-1,
        undoes=RESTORE.job,
    ),
    Action(
        "undo_tag",
        _("Undo: tag contacts"),
        Right.TAG,
        taggings.CANNOT_UNDO_TAG,
        taggings.undo_tag,
        undoes=TAG.job,
    ),
    Action(
        "undo_untag",
        _("Undo: remove tags"),
        Right.TAG,
        taggings.CANNOT_UNDO_UNTAG,
        taggings.undo_untag,
        check=_hold_tags,
        undoes=UNTAG.job,
    ),
    Action(
        "undo_transfer",
        _("Undo: change the owner"),
        Right.ASSIGN,
        relations.CANNOT_UNDO_TRANSFER,
        relations.undo_transfer,
        undoes=TRANSFER.job,
    ),
)

BY_JOB = {action.job: action for action in (*ACTIONS.values(), *UNDOING)}


def find(name: object) -> Action:
    """The action that people may ask for by this name; Invalid for others."""
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise Invalid({"action": [_("There is no such action.")]})
    return action


def checked_options(actor: Actor, action: Action, options: dict[str, Any] | None) -> dict[str, Any]:
    """The options of an action as they are stored; Invalid for unknown or wrong ones."""
    given = options or {}
    if unknown := sorted(set(given) - action.names):
        raise Invalid({name: [_("This action has no such parameter.")] for name in unknown}, code="unknown_param")
    return action.options(actor, given)
