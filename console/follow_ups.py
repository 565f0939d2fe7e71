"""Follow-ups (C14): what is planned, writing and changing them, their files, the calendar address."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.contact_page import OneContact
from console.follow_up_forms import FollowUpForm, WriteForm, shown
from console.forms import attach
from console.listing import Listing
from contacts import access, agenda
from contacts.models import Contact, FollowUp, FollowUpFile
from contacts.rules import Plan, Right
from contacts.services import attachments, calendars
from contacts.services import follow_ups as services
from enterprises.rest import get_or_404


class FollowUps(Page):
    """What is planned: mine or of all contacts that I see; overdue, today, coming."""

    permission = "contacts.view"
    template = "console/follow_ups/list.html"
    title = _("Follow-ups")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show()

    def show(self, secret: str = "") -> HttpResponseBase:
        """The page; `secret` is that of a calendar address made just now."""
        asked = {
            "mine": "true",
            **{name: self.request.GET[name] for name in agenda.FILTERS if name in self.request.GET},
        }
        listing = Listing(self.request, agenda.full(agenda.planned(self.actor, asked)), ordering="next_at")
        writable = access.permitted(self.actor, Right.FOLLOW_UP, {row.contact_id for row in listing.rows})
        context = {
            "listing": listing,
            "rows": [shown(row, self.actor, may_write=row.contact_id in writable) for row in listing.rows],
            "figures": agenda.figures(self.actor, asked),
            "states": Plan,
            "asked": asked,
            "feed": calendars.feed_of(self.actor),
            "feed_url": self.request.build_absolute_uri(calendars.path_of(self.enterprise.code, secret))
            if secret
            else "",
        }
        response = self.render(context)
        if secret:
            response["Cache-Control"] = "no-store"
        return response


class CalendarAddress(FollowUps):
    """Make the calendar address (anew), or revoke it. It is shown once."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.redirect(reverse("follow-ups", kwargs={"code": self.enterprise.code}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("action") == "revoke":
            calendars.close_feed(self.actor)
            messages.success(request, _("The calendar address opens nothing any more."))
            return self.get(request)
        return self.show(calendars.open_feed(self.actor))


class Write(OneContact):
    """Write a follow-up of a contact; `closes` names the planned one that it carries out."""

    permission = "contacts.edit"
    template = "console/contacts/form.html"
    title = _("Write a follow-up")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        access.require(self.actor, contact, Right.FOLLOW_UP)
        return self._show(contact, WriteForm(None, self.actor))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        form = WriteForm(request.POST, self.actor, files=request.FILES)
        if not form.is_valid():
            return self._show(contact, form, status=400)
        try:
            with transaction.atomic():
                made = services.write(self.actor, contact=contact, closes=self._closes(), **form.given())
                if file := form.cleaned_data["file"]:
                    attachments.attach(self.actor, follow_up=made, file=file)
        except Refusal as refusal:
            return self._show(contact, attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The follow-up was written."))
        return self.redirect(self.address(contact, "follow-ups"))

    def _closes(self) -> FollowUp | None:
        closes = self.request.GET.get("closes")
        return get_or_404(agenda.visible_to(self.actor), closes) if closes else None

    def _show(self, contact: Contact, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        closes = self._closes()
        context = {
            "contact": contact,
            "form": form,
            "button": _("Write and mark as done") if closes else _("Save"),
            "back": self.address(contact, "follow-ups"),
            "intro": closes.text if closes else "",
        }
        return self.render(context, status=status)


class OneFollowUp(Page):
    """Change a follow-up, mark it as done, delete it, add a file."""

    permission = "contacts.edit"
    template = "console/follow_ups/change.html"
    title = _("Change the follow-up")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = self.row(pk)
        names = ("kind", "text", "next_at")
        initial = {**{name: getattr(row, name) for name in names}, "assignee": str(row.assignee_id or "")}
        return self._show(row, FollowUpForm(None, self.actor, initial=initial))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = self.row(pk)
        action = request.POST.get("action")
        if action == "done":
            services.do(self.actor, follow_up=row)
            messages.success(request, _("Marked as done."))
            return self.redirect(self._back() if request.POST.get("stay") else self.back(row))
        if action == "delete":
            services.delete(self.actor, follow_up=row)
            messages.success(request, _("The follow-up was deleted."))
            return self.redirect(self.back(row))
        form = FollowUpForm(request.POST, self.actor)
        if not form.is_valid():
            return self._show(row, form, status=400)
        try:
            with transaction.atomic():
                services.edit(self.actor, follow_up=row, **form.given())
        except Refusal as refusal:
            return self._show(row, attach(form, refusal), status=refusal.status)
        messages.success(request, _("The follow-up was changed."))
        return self.redirect(self.back(row))

    def row(self, pk: UUID) -> FollowUp:
        """The follow-up, if its contact exists for this person (O5)."""
        return get_or_404(agenda.full(agenda.visible_to(self.actor)), pk)

    def back(self, row: FollowUp) -> str:
        """To the contact's follow-ups."""
        kwargs = {"code": self.enterprise.code, "pk": row.contact_id, "tab": "follow-ups"}
        return reverse("contact-tab", kwargs=kwargs)

    def _show(self, row: FollowUp, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        may_write = bool(access.permitted(self.actor, Right.FOLLOW_UP, [row.contact_id]))
        context = {
            "form": form,
            "follow_up": shown(row, self.actor, may_write=may_write),
            "back": self.back(row),
        }
        return self.render(context, status=status)


class Files(OneFollowUp):
    """Add a file to a follow-up."""

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self.redirect(reverse("follow-up", kwargs={"code": self.enterprise.code, "pk": self.row(pk).pk}))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = self.row(pk)
        if file := request.FILES.get("file"):
            attachments.attach(self.actor, follow_up=row, file=file)
            messages.success(request, _("The file was added."))
        else:
            messages.error(request, _("Choose a file first."))
        return self.redirect(self.back(row))


class OneFile(OneFollowUp):
    """Fetch a file, or take it off."""

    permission = "contacts.view"

    def get(self, request: HttpRequest, pk: UUID, file_id: UUID) -> HttpResponseBase:  # type: ignore[override]
        return attachments.download(self._file(pk, file_id))

    def post(self, request: HttpRequest, pk: UUID, file_id: UUID) -> HttpResponseBase:  # type: ignore[override]
        file = self._file(pk, file_id)
        attachments.remove(self.actor, file=file)
        messages.success(request, _("The file was removed."))
        return self.redirect(self.back(file.follow_up))

    def _file(self, pk: UUID, file_id: UUID) -> FollowUpFile:
        files = FollowUpFile.objects.filter(follow_up=self.row(pk)).select_related("contact", "follow_up")
        return get_or_404(files, file_id)


urlpatterns = [
    path("follow-ups/", FollowUps.as_view(), name="follow-ups"),
    path("follow-ups/calendar/", CalendarAddress.as_view(), name="calendar"),
    path("follow-ups/<uuid:pk>/", OneFollowUp.as_view(), name="follow-up"),
    path("follow-ups/<uuid:pk>/files/", Files.as_view(), name="follow-up-files"),
    path("follow-ups/<uuid:pk>/files/<uuid:file_id>/", OneFile.as_view(), name="follow-up-file"),
    path("contacts/<uuid:pk>/follow-up/", Write.as_view(), name="contact-follow-up"),
]
