"""The page of one contact: the profile on the left, tabs on the right."""

from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collaboration.queries import grants
from common.errors import NotFound, Text
from console.base import Page
from console.bulk import pack
from console.follow_up_forms import shown as shown_follow_up
from console.templatetags.console import money, source
from contacts import access, agenda, queries, spaces, worn_tags
from contacts.models import Contact, Follow, GroupChat, GroupMember, Purchase
from contacts.rules import Grade, GradeSource, Kind, Level, Right, Side, Status, masked_phone
from contacts.services import merges, tag_rules
from enterprises import audit
from enterprises.policy import Policy
from enterprises.rest import get_or_404
from enterprises.services import policy
from quota import queries as quota
from quota.rules import Action

EVENTS_TEMPLATE = "console/contacts/timeline.html#events"
EVENTS = 30
CONVERSATION = (Kind.MESSAGE_IN, Kind.MESSAGE_OUT, Kind.GROUP_MESSAGE, Kind.CALL)
PURCHASES = 100
FOLLOW_UPS = 100
MERGES = 5
ENTRIES = 50

TABS: dict[str, tuple[Text, str | None]] = {
    "timeline": (gettext_lazy("Timeline"), None),
    "follow-ups": (gettext_lazy("Follow-ups"), None),
    "conversation": (gettext_lazy("Conversation"), None),
    "purchases": (gettext_lazy("Purchases"), None),
    "groups": (gettext_lazy("Group chats"), "groups.view"),
    "followers": (gettext_lazy("Friends"), None),
    "spaces": (gettext_lazy("Spaces"), "spaces.view"),
    "tag-rules": (gettext_lazy("Tags"), None),
    "visibility": (gettext_lazy("Who sees it"), None),
    "audit": (gettext_lazy("Audit"), "audit.view"),
}


class OneContact(Page):
    """What the pages of one contact share."""

    permission: ClassVar[str | None] = "contacts.view"

    def contact(self, pk: UUID) -> Contact:
        """The contact, if it exists for this person (O5)."""
        return get_or_404(Contact.objects.visible_to(self.actor).select_related("owner"), pk)

    def address(self, contact: Contact, tab: str = "") -> str:
        kwargs = {"code": self.enterprise.code, "pk": contact.pk}
        return reverse("contact-tab", kwargs={**kwargs, "tab": tab}) if tab else reverse("contact", kwargs=kwargs)

    def after(self, contact: Contact, tab: str = "") -> str:
        """Where to go after a change: the contact's page, or the list when it is out of sight by now."""
        if Contact.objects.visible_to(self.actor).filter(pk=contact.pk).exists():
            return self.address(contact, tab)
        return reverse("contacts", kwargs={"code": self.enterprise.code})


class ContactPage(OneContact):
    """The profile on the left, a tab on the right; each tab has an address."""

    template = "console/contacts/contact.html"

    def get(self, request: HttpRequest, pk: UUID, tab: str = "timeline") -> HttpResponseBase:
        contact = self.contact(pk)
        if tab not in self._tabs():
            raise NotFound()
        self.title = str(contact)
        self.rights = access.rights(self.actor, contact)
        shown = getattr(self, f"_{tab.replace('-', '_')}")(contact)
        context = {"contact": contact, "tab": tab, "tabs": self._tabs(), **shown}
        context["may"] = {right.value: right in self.rights for right in Right}
        if request.htmx:  # type: ignore[attr-defined]
            whole = "cursor" not in request.GET
            return self.render(context, template=f"{self.template}#tab" if whole else EVENTS_TEMPLATE)
        return self.render({**context, **self._profile(contact)})

    def _tabs(self) -> dict[str, Text]:
        return {name: label for name, (label, code) in TABS.items() if code is None or self.actor.may(code)}

    def _profile(self, contact: Contact) -> dict[str, Any]:
        collaborators = grants.collaborators(contact)
        context: dict[str, Any] = {
            "packed": pack([str(contact.pk)]),
            "grade_reason": grade_reason(contact, policy()),
            "worn": worn_tags.of(contact),
            "merges": [made for made in merges.of(contact)[:MERGES] if merges.can_undo(made)]
            if Right.MERGE in self.rights
            else [],
            "masked_phones": [masked_phone(phone) for phone in contact.phones],
            "may_phones": self.actor.may("contacts.phones"),
            "may_privacy": Right.DELETE in self.rights
            or (self.actor.may("contacts.export") and self.actor.may("contacts.phones")),
            "collaborators": collaborators,
            "collaborates": any(one.member.pk == self.actor.member_id and not one.invited for one in collaborators),
            "may_archive": Right.ARCHIVE in self.rights and contact.status == Status.ACTIVE,
            "may_restore": Right.ARCHIVE in self.rights and contact.status == Status.ARCHIVED,
        }
        if context["may_restore"]:
            context["standing"] = quota.position(self.enterprise)
            context["decision"] = quota.decide(self.enterprise, Action.RESTORE_CONTACT, standing=context["standing"])
        return context

    def _timeline(self, contact: Contact) -> dict[str, Any]:
        kinds = [one for one in self.request.GET.getlist("kind") if one]
        return {
            **self._events(contact, kinds),
            "kinds": Kind.choices(),
            "kind": kinds[0] if kinds else "",
        }

    def _conversation(self, contact: Contact) -> dict[str, Any]:
        """The timeline, of what was said only."""
        return self._events(contact, [kind.value for kind in CONVERSATION])

    def _events(self, contact: Contact, kinds: list[str]) -> dict[str, Any]:
        query = self.request.GET
        sides = [one for one in query.getlist("side") if one]
        page = queries.timeline_page(contact, size=EVENTS, kinds=kinds, sides=sides, cursor=query.get("cursor"))
        by_day = groupby(page.rows, key=lambda event: timezone.localtime(event.at).date())
        days = [(day, [shown(event) for event in events]) for day, events in by_day]
        # What follows a page goes on with its last day, whose heading stands above already.
        goes_on = self.request.htmx and days and f"{days[0][0]:%Y-%m-%d}" == query.get("day")  # type: ignore[attr-defined]
        asked = {"cursor": page.next, "day": f"{days[-1][0]:%Y-%m-%d}"} if page.next and days else {}
        filters = [(name, one) for name in ("kind", "side") for one in query.getlist(name) if one]
        return {
            "days": days,
            "goes_on": goes_on,
            "next": urlencode([*asked.items(), *filters]) if asked else "",
            "cursor": query.get("cursor"),
            "sides": Side.choices(),
            "side": sides[0] if sides else "",
        }

    def _follow_ups(self, contact: Contact) -> dict[str, Any]:
        may_write = Right.FOLLOW_UP in self.rights
        rows = [shown_follow_up(row, self.actor, may_write=may_write) for row in agenda.of(contact)[: FOLLOW_UPS + 1]]
        return {"follow_ups": rows[:FOLLOW_UPS], "more": len(rows) > FOLLOW_UPS}

    def _purchases(self, contact: Contact) -> dict[str, Any]:
        rows = list(Purchase.objects.filter(contact=contact).order_by("-paid_at", "-id")[: PURCHASES + 1])
        return {"purchases": rows[:PURCHASES], "more": len(rows) > PURCHASES}

    def _groups(self, contact: Contact) -> dict[str, Any]:
        seen = GroupChat.objects.visible_to(self.actor)
        inside = GroupMember.objects.filter(contact=contact, group__in=seen).select_related("group__owner")
        return {"memberships": inside.order_by("-joined_at")}

    def _followers(self, contact: Contact) -> dict[str, Any]:
        follows = (
            Follow.objects.filter(contact=contact).select_related("member").prefetch_related("taggings__tag__group")
        )
        active = sum(follow.state == Follow.State.ACTIVE for follow in follows)
        mine = any(
            follow.member_id == self.actor.member_id and follow.state == Follow.State.ACTIVE for follow in follows
        )
        return {
            "follows": follows,
            "ends_others": self.actor.may("contacts.edit") and Right.ASSIGN in self.rights,
            "last": active == 1 and not GroupMember.objects.filter(contact=contact, left_at=None).exists(),
            "may_follow": not mine and self.actor.may("contacts.add"),
        }

    def _spaces(self, contact: Contact) -> dict[str, Any]:
        return {"seats": spaces.of(self.actor, contact)}

    def _tag_rules(self, contact: Contact) -> dict[str, Any]:
        return {"worn": worn_tags.of(contact), "verdicts": tag_rules.explain(self.actor, contact)}

    def _visibility(self, contact: Contact) -> dict[str, Any]:
        return {"viewers": queries.viewers(contact), "may_see_people": self.actor.may("members.view")}

    def _audit(self, contact: Contact) -> dict[str, Any]:
        entries = audit.visible_to(self.actor).filter(subject_id=contact.pk).order_by("-at", "-id")[:ENTRIES]
        return {"entries": entries}


def grade_reason(contact: Contact, numbers: Policy) -> str:
    """Why the contact has this grade (C9)."""
    if contact.grade_source == GradeSource.MANUAL:
        return _("Set by hand; spending does not change it.")
    days = {"days": numbers.spend_window_days}
    if contact.grade == Grade.LOW:
        return _("Spent less than %(amount)s in %(days)s days.") % {"amount": money(numbers.grade_middle), **days}
    least = numbers.grade_high if contact.grade == Grade.HIGH else numbers.grade_middle
    return _("Spent %(amount)s or more in %(days)s days.") % {"amount": money(least), **days}


def shown(event: queries.Event) -> tuple[queries.Event, Text, str, Decimal | None]:
    """An event as the template shows it: with its name, a line below, and money."""
    return event, Kind(event.kind).label, describe(event), amount(event)


def amount(event: queries.Event) -> Decimal | None:
    """What was paid (or, negative, given back)."""
    try:
        return Decimal(str(event.data["amount"])) if event.side == "customer" and "amount" in event.data else None
    except ArithmeticError:
        return None


def describe(event: queries.Event) -> str:
    """The line below an event's name."""
    data = event.data
    if event.kind in ("purchase", "refund") and "order_no" in data:
        return _("Order %(order)s") % {"order": data["order_no"]}
    if event.kind == Kind.GRADE_CHANGED:
        known = {grade.value: str(grade.label) for grade in Grade}
        return f"{known.get(data.get('from'), '—')} → {known.get(data.get('to'), '—')}"
    if event.kind == Kind.OWNER_CHANGED:
        return f"{data.get('from') or '—'} → {data.get('to') or '—'}"
    if event.kind == Kind.COLLABORATOR_JOINED and "level" in data:
        return f"{data.get('name')} · {Level(data['level']).label}"
    if event.kind == Kind.UNFOLLOWED:
        return _("Ended by the contact") if data.get("by") == "contact" else _("Ended by the member")
    return str(data.get("text") or data.get("name") or source(data.get("source") or ""))
