"""People of partners: adding, editing, moving between partners, and their link to a customer (U5)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from common.sql import insert
from contacts.models import Contact
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from upstream.models import CustomerLink, MessageDelivery, Partner, PartnerContact, Person, ShareOpen, WorkbenchLink
from upstream.rules import names
from upstream.services import chats, limits


class PersonKnown(Conflict):
    """The person is in this space already."""

    code = "person_known"


def add_person(
    actor: Actor,
    *,
    partner: Partner,
    name: str,
    phone: str = "",
    email: str = "",
    title: str = "",
    leader: bool = False,
    contact: Contact | None = None,
    source: str = "",
) -> PartnerContact:
    """Add somebody to a partner. A phone number or customer that is known is the same person, in a further space.

    Raises Invalid, PersonKnown, LimitReached.
    """
    actor.require("spaces.edit")
    return enter(
        actor,
        partner=partner,
        name=name,
        phone=phone,
        email=email,
        title=title,
        leader=leader,
        contact=contact,
        source=source,
    )


def enter(
    actor: Actor,
    *,
    partner: Partner,
    name: str,
    phone: str = "",
    email: str = "",
    title: str = "",
    leader: bool = False,
    contact: Contact | None = None,
    source: str = "",
) -> PartnerContact:
    """Add somebody; the caller answers for the permission (an admin's, or the person's own by a link)."""
    person = _person(name, phone, email, contact)
    if contact is not None:
        _link(actor, person, contact)
    seat = PartnerContact(
        space_id=partner.space_id,
        partner=partner,
        person=person,
        title=title.strip()[:64],
        leader=leader,
        source=source.strip()[:32],
    )
    if not insert(seat, unless_there=True):
        other = PartnerContact.objects.select_related("partner").get(space_id=partner.space_id, person=person)
        raise PersonKnown(
            _("This person is in the space already, at “%(partner)s”.") % {"partner": other.partner.name},
            partner=str(other.partner_id),
            contact=str(other.pk),
        )
    if leader:
        _check_leaders(partner)
    limits.take_people(partner)
    audit.record(actor, "partner_contact.added", seat, after={"partner": partner.name, "name": person.name})
    return seat


def edit_person(actor: Actor, *, seat: PartnerContact, changes: dict[str, Any]) -> PartnerContact:
    """Change `title` or `leader` here, `name`, `phone` or `email` of the person wherever they are."""
    actor.require("spaces.edit")
    if changes.get("leader"):
        _lock_partner(seat.partner_id)
    seat = (
        PartnerContact.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partner", "person")
        .get(pk=seat.pk)
    )
    person = Person.objects.select_for_update(no_key=True).get(pk=seat.person_id)
    values = _checked({name: value for name, value in changes.items() if name in ("name", "phone", "email")})
    before, after = audit.changes(person, values)
    if after:
        person.write_keys()
        try:
            with transaction.atomic():
                person.save()
        except IntegrityError as error:
            raise Conflict(_("Somebody else has this phone number."), code="phone_taken", field="phone") from error
    own: dict[str, Any] = {name: changes[name] for name in ("title", "leader") if name in changes}
    old, new = audit.changes(seat, own)
    if new:
        seat.save(update_fields=list(new))
        if new.get("leader"):
            _check_leaders(seat.partner)
    if after or new:
        seat.person = person
        audit.record(actor, "partner_contact.changed", seat, before={**before, **old}, after={**after, **new})
    return seat


def remove_person(actor: Actor, *, seat: PartnerContact) -> None:
    """Take somebody out of the space. As a customer, and in other spaces, they stay."""
    actor.require("spaces.edit")
    gone = PartnerContact.objects.select_related("partner", "person").filter(pk=seat.pk).first()
    chats.people_leave([seat.pk])
    if gone is None or not PartnerContact.objects.filter(pk=seat.pk).delete()[0]:
        return
    forget_people([gone.person_id])
    limits.give_back_people(gone.partner_id)
    audit.record(
        actor,
        "partner_contact.removed",
        subject_type="partnercontact",
        subject_id=seat.pk,
        subject_label=gone.person.name,
        before={"partner": gone.partner.name},
    )


def forget_people(people: Sequence[UUID]) -> None:
    """Delete the persons who are in no space any more: nothing of them is kept.

    Whom somebody else is putting into a space at this moment is left alone: locked first, then looked at.
    """
    locked = Person.objects.select_for_update(no_key=False, skip_locked=True).filter(pk__in=people)
    gone = list(Person.objects.filter(pk__in=list(locked.values_list("pk", flat=True)), seats=None))
    for belonging in (CustomerLink, WorkbenchLink, ShareOpen, MessageDelivery):
        belonging.objects.filter(person__in=gone).delete()
    Person.objects.filter(pk__in=[one.pk for one in gone]).delete()


def link_customer(actor: Actor, *, seat: PartnerContact, contact: Contact | None) -> None:
    """Say which customer the person is, or that they are none (any more). Raises Conflict `customer_linked`."""
    actor.require("spaces.edit")
    if contact is not None:
        _link(actor, seat.person, contact)
        audit.record(actor, "partner_contact.linked", seat, after={"contact": str(contact.pk)})
        return
    if CustomerLink.objects.filter(person=seat.person_id).delete()[0]:
        audit.record(actor, "partner_contact.unlinked", seat)


def _link(actor: Actor, person: Person, contact: Contact) -> None:
    if insert(CustomerLink(person=person, contact=contact), unless_there=True):
        return
    if not CustomerLink.objects.filter(person=person, contact=contact).exists():
        raise Conflict(_("The person or the customer is linked to somebody else."), code="customer_linked")


def _person(name: str, phone: str, email: str, contact: Contact | None) -> Person:
    """The person who is known by the customer or the phone number; else a new one."""
    values = _checked({"name": name, "phone": phone, "email": email})
    if contact is not None:
        known = Person.objects.filter(customer_links__contact=contact).first()
        if known is not None:
            return known
    person = Person(**values)
    person.write_keys()
    if not insert(person, unless_there=True):
        person = Person.objects.get(phone=values["phone"])
        if values["email"] and not person.email:
            Person.objects.filter(pk=person.pk).update(email=values["email"])
    return person


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    errors: dict[str, list[Any]] = {}
    found = dict(values)
    if "name" in values:
        found["name"] = names.tidy(values["name"])
        if not 1 <= len(found["name"]) <= 64:
            errors["name"] = [_("Give the person's name, at most 64 characters.")]
    if "phone" in values:
        found["phone"] = names.phone(values["phone"])
        if len(found["phone"]) > 32 or (found["phone"] and not found["phone"].lstrip("+").isdigit()):
            errors["phone"] = [_("This is not a phone number.")]
    if "email" in values:
        try:
            found["email"] = address(values["email"]) if values["email"].strip() else ""
        except Invalid as refusal:
            errors |= refusal.errors
    if errors:
        raise Invalid(errors)
    return found


def address(email: str) -> str:
    """An e-mail address as it is kept and compared. Raises Invalid."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid({"email": [_("This is not an e-mail address.")]}) from error
    return email


def _check_leaders(partner: Partner) -> None:
    """Counted under the lock of the partner's row: whoever makes a leader takes it first."""
    _lock_partner(partner.pk)
    most = policy().partner_leaders
    if PartnerContact.objects.filter(partner=partner, leader=True).count() > most:
        raise Conflict(
            _("A partner has at most %(most)s leaders.") % {"most": most}, code="too_many_leaders", limit=most
        )


def _lock_partner(pk: UUID) -> None:
    Partner.objects.select_for_update(no_key=True).filter(pk=pk).values_list("pk").first()
