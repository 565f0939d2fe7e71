"""Merging two contacts that are one person: choose, see what it does, do it, take it back."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.ids import parse_uuid
from console.base import Page
from console.contact_page import OneContact
from contacts.filters import ContactFilter
from contacts.models import Contact
from contacts.services import merges as services
from enterprises.rest import get_or_404

FOUND = 10

# What goes over, in the words of the pages.
TABLES = {
    "contacts_interaction": _("Entries of the timeline"),
    "contacts_purchase": _("Purchases"),
    "contacts_groupmember": _("Group chats"),
    "contacts_follow": _("Friends"),
    "contacts_followup": _("Follow-ups"),
    "contacts_followupfile": _("Files"),
    "contacts_cleanupitem": _("Clean-ups"),
    "contacts_grant": _("Collaborators"),
    "collaboration_invitation": _("Invitations to collaborate"),
    "collaboration_transferitem": _("Hand-overs"),
    "collaboration_duplicate": _("Entries of the duplicate radar"),
    "upstream_customerlink": _("People of partners"),
    "upstream_invitee": _("Invitations into spaces"),
}
FIELDS = {
    "remark": _("Remark"),
    "company": _("Company"),
    "description": _("Description"),
    "unionid": _("Union id"),
    "status": _("Status"),
    "added_at": _("Added"),
    "last_contact_at": _("Last contact"),
    "last_customer_at": _("Last customer activity"),
}


class Merge(OneContact):
    """Choose the other one by search or from those with the same union id; then the numbers and the question."""

    permission = "contacts.merge"
    template = "console/merge/merge.html"
    title = _("Merge with another contact")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        other = parse_uuid(request.GET.get("with"))
        context: dict[str, Any] = {"contact": contact, "back": self.address(contact)}
        if other is not None:
            gone = get_or_404(Contact.objects.visible_to(self.actor).select_related("owner"), other)
            preview = services.preview(self.actor, contact=contact, gone=gone)
            rows = [(TABLES.get(name, name), number, preview.stays[name]) for name, number in preview.moves.items()]
            changes = [(label, *preview.changes[name]) for name, label in FIELDS.items() if name in preview.changes]
            return self.render({**context, "preview": preview, "rows": rows, "changes": changes})
        return self.render({**context, "asked": request.GET.get("search", ""), "found": self._found(contact)})

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        gone = get_or_404(Contact.objects.visible_to(self.actor), request.POST.get("with", ""))
        services.merge(self.actor, contact=contact, gone=gone)
        messages.success(request, _("The contacts were merged."))
        return self.redirect(self.address(contact))

    def _found(self, contact: Contact) -> list[Contact]:
        """By what is searched; else those with the same union id."""
        seen = Contact.objects.visible_to(self.actor).select_related("owner").exclude(pk=contact.pk)
        if text := self.request.GET.get("search", "").strip():
            seen = ContactFilter.from_params({"search": text}, self.actor).apply(seen)
            return list(seen.order_by("-added_at", "-id")[:FOUND])
        return list(seen.filter(unionid=contact.unionid).order_by("added_at", "id")[:FOUND]) if contact.unionid else []


class Unmerge(OneContact):
    """Take a merge back."""

    permission = "contacts.merge"

    def post(self, request: HttpRequest, pk: UUID, merge_id: UUID) -> HttpResponseBase:
        made = get_or_404(services.of(self.contact(pk)), merge_id)
        gone = services.undo(self.actor, merge=made)
        messages.success(request, _("The merge was taken back."))
        return self.redirect(self.after(gone))


class Suggestions(Page):
    """Contacts with the same union id: one person as WeCom knows it."""

    permission = "contacts.merge"
    template = "console/merge/suggestions.html"
    title = _("One person twice")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.render({"groups": services.suggestions(self.actor)})


urlpatterns = [
    path("contacts/merge/", Suggestions.as_view(), name="merge-suggestions"),
    path("contacts/<uuid:pk>/merge/", Merge.as_view(), name="contact-merge"),
    path("contacts/<uuid:pk>/unmerge/<uuid:merge_id>/", Unmerge.as_view(), name="contact-unmerge"),
]
