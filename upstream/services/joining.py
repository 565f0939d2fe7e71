"""Coming in by a link (U7): whoever opens it belongs nowhere yet, so these functions open the enterprise themselves.

Nobody is joined silently: it takes the form that the person sends. What may be a mistake (a company or a person that is
known already) is not decided by a stranger: it waits for somebody of ours, and the page does not say why.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, NotFound
from common.tenancy import tenant
from contacts.models import Contact
from enterprises import audit
from enterprises.access import enterprise_id_of
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member
from jobs.notifications import declare, notify
from upstream.models import Application, Invitation, Invitee, Partner, PartnerContact, Person, Space
from upstream.rules import names
from upstream.services import chats, partners, people
from upstream.services.limits import LimitReached

TOO_QUICK = 2  # seconds: nobody reads the page and fills in the form faster
STALE = 24 * 3600
_STAMP = "upstream.join"

declare("upstream.waiting", _("%(name)s wants to join “%(target)s”"), lambda _data: "invitations/applications/")


@dataclass(frozen=True)
class Offer:
    """What the page of a link shows, in plain words."""

    enterprise: str
    target: str
    purpose: str
    chat: str  # the group chat that it leads into as well
    inviter: str
    personal: bool
    name: str
    company: str
    phone: str
    answer: str  # of a personal link: what was answered already


@dataclass(frozen=True)
class _Door:
    enterprise: Enterprise
    invitation: Invitation
    invitee: Invitee | None


@contextmanager
def _door(enterprise_code: str, code: str) -> Iterator[_Door]:
    """The enterprise opened for a link that works. One answer for unknown, expired, revoked and used-up links."""
    enterprise_id = enterprise_id_of(enterprise_code)
    if enterprise_id is None:
        raise _invalid()
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        if enterprise is None:
            raise _invalid()
        known = Invitation.objects.select_related("space", "series", "subgroup", "chat", "created_by")
        invitee = Invitee.objects.filter(code=code).select_related("contact", "inviter").first()
        if invitee is not None:
            invitation = known.filter(pk=invitee.invitation_id).first()
        else:
            invitation = known.filter(code=code, kind=Invitation.Kind.OPEN).first()
        if invitation is None or not invitation.works or (invitee and invitee.state == Invitee.State.EXPIRED):
            raise _invalid()
        yield _Door(enterprise, invitation, invitee)


def look(enterprise_code: str, code: str) -> Offer:
    """What the link offers; counts that it was opened. Raises NotFound `invitation_invalid`."""
    with _door(enterprise_code, code) as door:
        Invitation.objects.filter(pk=door.invitation.pk).update(opens=F("opens") + 1)
        invitee = door.invitee
        if invitee is not None and invitee.state in (Invitee.State.WAITING, Invitee.State.SENT):
            Invitee.objects.filter(pk=invitee.pk, state=invitee.state).update(
                state=Invitee.State.OPENED, opened_at=clock.now(), sent_at=invitee.sent_at or clock.now()
            )
        return _offer(door)


def check(enterprise_code: str, code: str) -> None:
    """Does the link work? For its QR code. Raises NotFound."""
    with _door(enterprise_code, code):
        pass


def stamp() -> str:
    """Goes with the form and says when it was shown."""
    return signing.dumps(int(clock.now().timestamp()), salt=_STAMP)


def check_stamp(given: str) -> None:
    """Refuse what was sent faster than anybody reads, or a day later. Raises Invalid."""
    try:
        shown = int(signing.loads(given, salt=_STAMP))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Invalid(_("Please send the form again."), code="form_stale") from error
    if not TOO_QUICK <= clock.now().timestamp() - shown <= STALE:
        raise Invalid(_("Please send the form again."), code="form_stale")


def join(
    enterprise_code: str, code: str, *, company: str, name: str, phone: str, title: str = "", ip: str | None = None
) -> Application:
    """Somebody sends the form. Joined at once, or `pending` until somebody of ours has looked.

    Raises NotFound for a link that does not work (any more), Invalid, Conflict `answered` for a personal link that was
    answered already.
    """
    values = _checked(company, name, phone, title)
    with _door(enterprise_code, code) as door:
        _use(door)
        contact = door.invitee.contact if door.invitee else None
        application = Application(invitation=door.invitation, contact_id=contact.pk if contact else None, **values)
        label = f"{values['name']} ({values['company']})"
        actor = replace(Actor.system(door.enterprise, "console", label=label), ip=ip)
        application.reason = _why_not(door.invitation, application, contact)
        application.save(force_insert=True)
        if not application.reason:
            try:
                with transaction.atomic():
                    _admit(actor, application, door.invitation, contact)
            except LimitReached:
                _wait(application, Application.Reason.FULL)
            except chats.Unfitting:
                _wait(application, Application.Reason.CHAT)
            except (partners.PartnerKnown, people.PersonKnown, Conflict):
                _wait(application, Application.Reason.KNOWN_COMPANY)
        if door.invitee is not None:
            joined = application.state == Application.State.JOINED
            state = Invitee.State.JOINED if joined else Invitee.State.ANSWERED
            Invitee.objects.filter(pk=door.invitee.pk).update(state=state, answered_at=clock.now())
        if application.state == Application.State.PENDING:
            _tell(door.invitation, application)
        return application


def decline(enterprise_code: str, code: str) -> None:
    """A customer does not want to join. Raises NotFound, Conflict `answered`."""
    with _door(enterprise_code, code) as door:
        if door.invitee is None:
            raise _invalid()
        _answer(door.invitee, Invitee.State.DECLINED)


# --- Deciding ---------------------------------------------------------------------------------------------


def approve(actor: Actor, *, application: Application, partner: Partner | None = None) -> Application:
    """Let somebody in: into the partner that is named, or the one of their company's name, or a new one.

    Raises PersonKnown, LimitReached, Conflict `decided`.
    """
    actor.require("spaces.edit")
    application = _pending(application)
    invitation = application.invitation
    spaces = _spaces(invitation)
    if partner is not None and not spaces.filter(pk=partner.space_id).exists():
        raise Invalid({"partner": [_("This partner is in another space.")]})
    partner = partner or partners.find_known(spaces.values("id"), _as_partner(application))
    contact = Contact.objects.filter(pk=application.contact_id).first() if application.contact_id else None
    _admit(actor, application, invitation, contact, partner)
    application.decided_by = actor.member
    application.save(update_fields=["decided_by"])
    if contact is not None:
        Invitee.objects.filter(invitation=invitation, contact=contact).update(state=Invitee.State.JOINED)
    audit.record(actor, "application.approved", application, subject_label=str(application))
    return application


def turn_down(actor: Actor, *, application: Application) -> Application:
    """Do not let somebody in. Raises Conflict `decided`."""
    actor.require("spaces.edit")
    application = _pending(application)
    application.state, application.decided_at = Application.State.DECLINED, clock.now()
    application.decided_by = actor.member
    application.save(update_fields=["state", "decided_at", "decided_by"])
    audit.record(actor, "application.declined", application, subject_label=str(application))
    return application


def _pending(application: Application) -> Application:
    found = Application.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "invitation__space", "invitation__series", "invitation__subgroup", "invitation__chat"
    )
    locked = found.filter(pk=application.pk, state=Application.State.PENDING).first()
    if locked is None:
        raise Conflict(_("Somebody else has decided meanwhile."), code="decided")
    return locked


# --- Steps ------------------------------------------------------------------------------------------------


def _use(door: _Door) -> None:
    """Count one use of the link, exactly (Q10): the row decides, whoever else comes in at the same moment."""
    if door.invitee is not None:
        _answer(door.invitee, Invitee.State.ANSWERED)
    if not Invitation.objects.working().filter(pk=door.invitation.pk).update(uses=F("uses") + 1):
        raise _invalid()


def _answer(invitee: Invitee, state: str) -> None:
    open_still = Invitee.objects.filter(pk=invitee.pk, state__in=Invitee.OPEN)
    if not open_still.update(state=state, answered_at=clock.now()):
        raise Conflict(_("You have answered this invitation already."), code="answered")


def _why_not(invitation: Invitation, application: Application, contact: Contact | None) -> str:
    """Why somebody of ours has to look at it first; empty when nothing speaks against it."""
    spaces = _spaces(invitation)
    persons = Person.objects.filter(phone=application.phone)
    if contact is not None:
        persons |= Person.objects.filter(customer_links__contact=contact)
    if PartnerContact.objects.filter(space__in=spaces.values("id"), person__in=persons.values("id")).exists():
        return Application.Reason.KNOWN_PERSON
    known = partners.find_known(spaces.values("id"), _as_partner(application))
    if known is not None:
        application.partner_id = known.pk
        return Application.Reason.KNOWN_COMPANY
    if contact is not None and contact.phones and application.phone not in map(names.phone, contact.phones):
        return Application.Reason.OTHER_PHONE  # a personal link that was passed on
    return Application.Reason.APPROVAL if invitation.approval else ""


def _admit(
    actor: Actor,
    application: Application,
    invitation: Invitation,
    contact: Contact | None,
    partner: Partner | None = None,
) -> None:
    if partner is None:
        partner = partners.enter(
            actor,
            space=invitation.space,
            series=invitation.series,
            name=application.company,
            subgroups=[invitation.subgroup] if invitation.subgroup else [],
            virtual=True,
            owner=invitation.created_by if invitation.created_by and invitation.created_by.is_active else None,
        )
    seat = people.enter(
        actor,
        partner=partner,
        name=application.name,
        phone=application.phone,
        title=application.title,
        contact=contact,
        source=invitation.source,
    )
    if invitation.chat is not None and invitation.chat.dismissed_at is None:
        chats.enter(invitation.chat, people=[seat])
    application.state, application.decided_at = Application.State.JOINED, clock.now()
    application.partner_id, application.seat_id = partner.pk, seat.pk
    application.save(update_fields=["state", "decided_at", "partner_id", "seat_id"])


def _wait(application: Application, reason: str) -> None:
    application.state, application.reason = Application.State.PENDING, reason
    application.decided_at = application.partner_id = application.seat_id = None
    application.save(update_fields=["state", "reason", "decided_at", "partner_id", "seat_id"])


def _as_partner(application: Application) -> Partner:
    return Partner(name=application.company)


def _spaces(invitation: Invitation) -> Any:
    if invitation.space_id:
        return Space.objects.filter(pk=invitation.space_id)
    return Space.objects.filter(series=invitation.series_id)


def _checked(company: str, name: str, phone: str, title: str) -> dict[str, str]:
    found = {
        "company": names.tidy(company),
        "name": names.tidy(name),
        "phone": names.phone(phone),
        "title": names.tidy(title),
    }
    errors: dict[str, list[Any]] = {}
    if not names.key(found["company"]) or len(found["company"]) > 128:
        errors["company"] = [_("Enter the name of your company, or what people call it.")]
    if not names.key(found["name"]) or len(found["name"]) > 64:
        errors["name"] = [_("Enter your name.")]
    if not 5 <= len(found["phone"]) <= 20 or not found["phone"].lstrip("+").isdigit():
        errors["phone"] = [_("Enter your phone number.")]
    if errors:
        raise Invalid(errors)
    found["title"] = found["title"][:64]
    return found


def _offer(door: _Door) -> Offer:
    invitation, invitee = door.invitation, door.invitee
    target = invitation.space or invitation.series
    assert target is not None
    inviter: Member | None = invitee.inviter if invitee and invitee.inviter else invitation.created_by
    contact = invitee.contact if invitee else None
    answered = invitee is not None and invitee.state not in Invitee.OPEN
    return Offer(
        enterprise=door.enterprise.name,
        target=target.name,
        purpose=target.purpose,
        chat=invitation.chat.name if invitation.chat else "",
        inviter=inviter.name if inviter else "",
        personal=invitee is not None,
        name=contact.name if contact else "",
        company=contact.company if contact else "",
        phone=contact.phones[0] if contact and contact.phones else "",
        answer=invitee.state if invitee and answered else "",
    )


def _tell(invitation: Invitation, application: Application) -> None:
    """Whoever made the invitation hears that somebody waits."""
    if invitation.created_by is not None:
        data = {"name": str(application), "target": str(invitation)}
        notify([invitation.created_by], kind="upstream.waiting", key=f"upstream.waiting:{application.pk}", data=data)


def _invalid() -> NotFound:
    return NotFound(_("This invitation does not work any more. Please ask for a new one."), code="invitation_invalid")
