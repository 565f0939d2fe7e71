"""What happens with a contact: interactions and purchases, and what follows from them at once (C6, C7, C9)."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from contacts import access, rules
from contacts.models import Contact, Interaction, Purchase
from contacts.rules import Activity, Kind, Right, Side, Status
from contacts.services.grading import regrade
from contacts.services.returns import WRITES, come_back
from contacts.services.steps import hold, past, touch
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.policy import Policy
from enterprises.services import policy

MAX_DATA = 8192


def record_interaction(
    actor: Actor,
    *,
    contact: Contact,
    kind: str,
    at: datetime | None = None,
    member: Member | None = None,
    key: str = "",
    data: dict[str, Any] | None = None,
) -> tuple[Interaction, bool]:
    """Put something that happened on the timeline (C6); `member` is whom of ours it concerned.

    The same `key` again changes nothing; returns the entry and whether it is new. A sign of life ends the
    contact's silence at once (C7), unless it lies so far back that the contact is silent nevertheless. An archived
    contact that writes comes back, or waits for a place (C8).
    """
    access.require(actor, contact, Right.FOLLOW_UP)
    kind = _kind(kind)
    at = past(at)
    if member is None and kind.side is Side.MEMBER:
        member = actor.member
    if len(key) > 128:
        raise Invalid({"key": [_("A key has at most 128 characters.")]})
    if data and len(json.dumps(data)) > MAX_DATA:
        raise Invalid({"data": [_("At most 8 kB of data.")]})
    if _holds_nul(data):
        raise Invalid({"data": [_("Null characters are not allowed.")]})
    entry = Interaction(
        contact=contact, kind=kind, side=kind.side, at=at, member=member, key=key or str(uuid7()), data=data or {}
    )
    Interaction.objects.bulk_create([entry], ignore_conflicts=True)
    stored = Interaction.objects.select_related("member").get(contact=contact, key=entry.key)
    if stored.pk != entry.pk:
        return stored, False
    touch(contact.pk, at, **(_customer_side(kind, at, policy()) if kind.side is Side.CUSTOMER else {}))
    audit.record(actor, "contact.interaction_recorded", contact, after={"kind": kind.value, "at": at.isoformat()})
    if (
        kind in WRITES
        and contact.status == Status.ARCHIVED
        and (contact.archived_at is None or contact.archived_at <= at)
    ):
        come_back(actor, contacts=[contact.pk])
    return stored, True


def record_purchase(
    actor: Actor, *, contact: Contact, order_no: str, paid_at: datetime | None = None, amount: Decimal | int
) -> tuple[Purchase, bool]:
    """Record a purchase, or a refund (negative `amount`, CNY), and grade the contact at once (C9).

    The same order again changes nothing; returns the purchase and whether it is new. Raises Conflict when the
    order is another contact's, or was recorded with other figures.
    """
    actor.require(Right.PURCHASE.code)
    order_no, amount = order_no.strip(), Decimal(amount)
    if not 1 <= len(order_no) <= 64:
        raise Invalid({"order_no": [_("An order number has 1 to 64 characters.")]})
    if not amount.is_finite() or amount != round(amount, 2) or abs(amount) >= Decimal(10) ** 10:
        raise Invalid({"amount": [_("Enter an amount in CNY with at most two decimals.")]})
    paid_at = past(paid_at, "paid_at")
    contact = hold(actor, contact, Right.PURCHASE)
    purchase = Purchase(contact=contact, order_no=order_no, paid_at=paid_at, amount=amount)
    Purchase.objects.bulk_create([purchase], ignore_conflicts=True)
    stored = Purchase.objects.get(order_no=order_no, refund=amount < 0)
    if stored.pk != purchase.pk:
        _same_order(stored, purchase)
        return stored, False
    kind = Kind.REFUND if amount < 0 else Kind.PURCHASE
    touch(contact.pk, paid_at, **_customer_side(kind, paid_at, policy()))
    before = contact.grade
    regrade([contact.pk], clock.now())
    contact.refresh_from_db()
    audit.record(
        actor,
        "contact.purchase_recorded",
        contact,
        before={"grade": before},
        after={"order_no": order_no, "amount": amount, "paid_at": paid_at.isoformat(), "grade": contact.grade},
    )
    return stored, True


def _customer_side(kind: Kind, at: datetime, numbers: Policy) -> dict[str, Any]:
    """What something from the contact's side does to the contact: as an update that needs no lock before it."""
    changes: dict[str, Any] = {
        "last_customer_at": Greatest("last_customer_at", Value(at)),
        "activity": Case(
            When(activity=Activity.NEVER.value, then=Value(Activity.OCCASIONAL.value)), default=F("activity")
        ),
    }
    if rules.is_sign_of_life(kind, numbers) and at > rules.silent_since(clock.now(), numbers):
        changes["inactive"] = False
    return changes


def _kind(value: str) -> Kind:
    """A kind that can be recorded: the system's own entries are made by what they tell of."""
    if value not in set(Kind) or Kind(value).side is Side.SYSTEM:
        raise Invalid({"kind": [_("This kind of interaction cannot be recorded.")]})
    return Kind(value)


def _same_order(stored: Purchase, given: Purchase) -> None:
    """Raise Conflict unless both are the same order of the same contact. Tells nothing about the other one (O5)."""
    if stored.contact_id != given.contact_id:
        raise Conflict(_("This order belongs to another contact."), code="order_of_another_contact")
    if (stored.amount, stored.paid_at) != (given.amount, given.paid_at):
        raise Conflict(
            _("This order was recorded with another amount or time."),
            code="order_differs",
            amount=str(stored.amount),
            paid_at=stored.paid_at,
        )


def _holds_nul(value: Any) -> bool:
    """PostgreSQL keeps no NUL in a text, nor in JSON."""
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value
