"""What becomes of an objection to a clean-up when two contacts are one person (C1, C8).

Whoever objected for one of them objected for the person. An item of a round that nobody objected to stays behind: who
was not asked about is not archived.
"""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from contacts.models import CleanUp, CleanUpItem, Contact
from contacts.services.merge_rows import Chosen
from enterprises.actors import Actor

TABLE = "contacts_cleanupitem"
_State = CleanUp.State


def hold(contact: Contact, gone: Contact) -> None:
    """Lock the rounds in which owners may still object for one of the two: none is carried out meanwhile."""
    items = CleanUpItem.objects.filter(clean_up_id=OuterRef("pk"), contact__in=[contact.pk, gone.pk])
    rounds = CleanUp.objects.select_for_update(no_key=True, of=("self",))
    list(rounds.filter(Exists(items), state=_State.ANNOUNCED).order_by("id").values_list("pk"))


def united(actor: Actor, contact: Contact, gone: Contact) -> Chosen:
    """The objection for the one that goes is one for the other, too: in the rounds that ask about that one, else as
    it stands. Rounds count until their job has ended."""
    kept = list(_items(gone).exclude(kept_at=None).order_by("kept_at", "id"))
    if not kept:
        return Chosen({TABLE: []})
    objected: dict[str, Any] = {"kept_at": kept[0].kept_at, "kept_by_id": kept[0].kept_by_id}
    own = list(_items(contact))
    going: list[UUID] = [] if own else [item.pk for item in kept]
    return Chosen({TABLE: going}, {TABLE: {item.pk: objected for item in own if item.kept_at is None}})


def _items(contact: Contact) -> QuerySet[CleanUpItem]:
    asking = Q(clean_up__state=_State.ANNOUNCED) | Q(clean_up__state=_State.ARCHIVED, clean_up__job__finished_at=None)
    return CleanUpItem.objects.filter(asking, contact=contact)
