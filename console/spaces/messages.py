"""Messages to partners (U9): all of them, writing one with the live preview, sending it, and what became of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, NotFound, Refusal
from console.base import stop_polling
from console.forms import attach
from console.listing import Listing
from console.spaces.base import SpacesPage
from console.spaces.message_forms import PICKED, MessageForm, ScheduleForm, audience, picked
from console.spaces.opening import opened
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import Message, MessageDelivery
from upstream.queries import audiences, messaging
from upstream.services import message_export
from upstream.services import messages as services

OFFERED = 8
State = Message.State


class MessagesPage(SpacesPage):
    """Finds messages among those that the person sees."""

    permission = "spaces.message"

    def message(self, pk: UUID) -> Message:
        return get_or_404(messaging.messages(self.actor), pk)

    def to(self, message: Message) -> HttpResponseBase:
        return self.redirect(self.url("space-message", pk=message.pk))


class Messages(MessagesPage):
    """All messages, with how far each came."""

    template = "console/messages/list.html"
    title = _("Messages")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = {name: request.GET[name] for name in messaging.MESSAGE_FILTERS if request.GET.get(name)}
        try:
            found = messaging.messages(self.actor, asked)
        except Invalid:
            asked, found = {}, messaging.messages(self.actor)
        listing = Listing(request, found, ordering="-created_at", orderings=("created_at",))
        messaging.describe(listing.rows)
        return self.render({"listing": listing, "states": State, "state": asked.get("state", ""), "asked": asked})


class MessageNew(MessagesPage):
    """Write a message: on the left what and to whom, on the right how many get it."""

    template = "console/messages/compose.html"
    title = _("Write a message")

    def get(self, request: HttpRequest, **kwargs: UUID) -> HttpResponseBase:
        self.load(**kwargs)
        return self.show(self.form(None), self.kept())

    def post(self, request: HttpRequest, **kwargs: UUID) -> HttpResponseBase:
        self.load(**kwargs)
        form = self.form(request.POST)
        chosen = audience(request.POST)
        if not form.is_valid():
            return self.show(form, chosen, 400)
        given = {name: form.cleaned_data[name] for name in MessageForm.content}
        try:
            with transaction.atomic():
                message = self.act({**given, "audience": chosen})
        except Refusal as refusal:
            return self.show(attach(form, refusal), chosen, refusal.status)
        return self.to(message)

    def load(self, **kwargs: UUID) -> None:
        pass

    def kept(self) -> dict[str, Any]:
        """What stands in the form at first: what the address names."""
        return {name: self.request.GET.getlist(name) for name in ("spaces", "partners") if name in self.request.GET}

    def content(self) -> dict[str, Any]:
        return {}

    def form(self, data: Any) -> MessageForm:
        form = MessageForm(data, self.actor, initial={**self.content(), **self.kept()})
        form.files = self.request.FILES if data is not None else {}  # type: ignore[assignment]
        return form

    def act(self, given: dict[str, Any]) -> Message:
        return services.create_message(self.actor, **given)

    def show(self, form: Any, chosen: dict[str, Any], status: int = 200) -> HttpResponseBase:
        context = {"form": form, "picked": picked(self.actor, chosen), "back": self.back()}
        return self.render(context, status=status)

    def back(self) -> str:
        return self.url("space-messages")


class MessageEdit(MessageNew):
    """Change a draft."""

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.message(pk)
        self.title = self.found.title

    def kept(self) -> dict[str, Any]:
        return self.found.audience

    def content(self) -> dict[str, Any]:
        return {name: getattr(self.found, name) for name in ("kind", "title", "text", "url")}

    def act(self, given: dict[str, Any]) -> Message:
        return services.edit_message(self.actor, message=self.found, changes=given)

    def back(self) -> str:
        return self.url("space-message", pk=self.found.pk)


class MessagePreview(MessagesPage):
    """How many get it, while it is chosen: a fragment."""

    template = "console/messages/compose.html"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            chosen = services.audience_of(self.actor, audience(request.POST))
        except Invalid as refusal:
            return self.render({"refusal": refusal}, template=f"{self.template}#numbers")
        found = services.preview(self.actor, audience=chosen)
        return self.render({"preview": found, "named": chosen.names_somebody}, template=f"{self.template}#numbers")


class AudiencePick(MessagesPage):
    """Partners and persons by name: those found, or the one that was picked as a box of the form. A fragment."""

    template = "console/messages/compose.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        field = request.GET.get("field", "")
        if field not in PICKED:
            raise NotFound()
        if chosen := request.GET.get("id"):
            found = picked(self.actor, {field: [chosen]})[field]
            response = self.render({"field": field, "found": found}, template=f"{self.template}#chosen")
            response["HX-Trigger-After-Swap"] = "picked"
            return response
        search = request.GET.get("search", "").strip()
        offered = self.search(field, search) if search else []
        return self.render({"field": field, "offered": offered}, template=f"{self.template}#offered")

    def search(self, field: str, search: str) -> list[tuple[UUID, str, str]]:
        """Id, name, and where: a few of those whose name it is."""
        if field == "but_persons":
            seats = queries.people(self.actor, {"search": search}).order_by("joined_at", "id")[:OFFERED]
            return [(seat.person_id, seat.person.name, str(seat.partner)) for seat in seats]
        partners = queries.partners(self.actor, {"search": search}).order_by("name", "id")[:OFFERED]
        return [(one.pk, one.name, one.space.name) for one in partners]


class MessagePage(MessagesPage):
    """One message: what it says, to whom, its funnel, and everybody's row."""

    template = "console/messages/message.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = self.message(pk)
        self.title = message.title
        messaging.describe([message])
        moving = message.state == State.SENDING and message.at_work  # type: ignore[attr-defined]
        context: dict[str, Any] = {"message": message, "moving": moving, "steps": steps(message)}
        if request.htmx:  # type: ignore[attr-defined]
            response = self.render(context, template=f"{self.template}#funnel")
            return response if moving else stop_polling(response)
        waits = message.state in (State.DRAFT, State.SCHEDULED)
        context["may_withdraw"] = not waits and message.withdrawn_at is None
        if waits:
            author = services.sender(self.enterprise, message)
            context |= {"preview": audiences.preview(author, message.to)}
            context |= {"schedule": ScheduleForm(), "draft": message.state == State.DRAFT}
        else:
            asked = request.GET.get("state", "")
            state = asked if asked in MessageDelivery.State.values else ""
            found = messaging.deliveries(self.actor, message, state)
            listing = Listing(request, found, ordering="person_id")
            messaging.seats(listing.rows)
            context |= {"listing": listing, "state": state, "states": MessageDelivery.State}
        return self.render(context)


def steps(message: Message) -> list[tuple[Any, int, int]]:
    """How far the people came: label, how many, of how many."""
    found = [
        (_("Recipients"), message.people, message.people),
        (_("Delivered"), message.delivered, message.people),
        (_("Opened"), message.opened, message.delivered),
    ]
    return [*found, (_("Clicked"), message.clicked, message.delivered)] if message.leads_somewhere else found


class MessageSend(MessagesPage):
    """Now, or at a moment to come."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = self.message(pk)
        at = None
        if "at" in request.POST:
            form = ScheduleForm(request.POST)
            if not form.is_valid():
                raise Invalid({"at": [_("Say when.")]})
            at = form.cleaned_data["at"]
        message = services.send(self.actor, message=message, at=at)
        text = _("It will be sent at its time.") if at else _("It is on its way.")
        messages.success(request, str(text))
        return self.to(message)


class MessageStop(MessagesPage):
    """Stop it."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = services.stop(self.actor, message=self.message(pk))
        draft = message.state == State.DRAFT
        text = _("It is a draft again.") if draft else _("It was stopped. Who has it already keeps it.")
        messages.success(request, str(text))
        return self.to(message)


class MessageResume(MessagesPage):
    """Go on with those who have not got it yet."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = services.resume(self.actor, message=self.message(pk))
        messages.success(request, _("It is on its way."))
        return self.to(message)


class MessageWithdraw(MessagesPage):
    """Nobody finds it in the workbench any more."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = services.withdraw(self.actor, message=self.message(pk))
        messages.success(request, _("“%(title)s” is withdrawn.") % {"title": message.title})
        return self.to(message)


class MessageDelete(MessagesPage):
    """Delete a draft."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        services.delete_draft(self.actor, message=self.message(pk))
        messages.success(request, _("The draft was deleted."))
        return self.redirect(self.url("space-messages"))


class MessageExport(MessagesPage):
    """Everybody's row as a CSV file: a job, whose report it is."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        run = message_export.start_export(self.actor, message=self.message(pk))
        return self.redirect(self.url("job", pk=run.pk))


class MessageFile(MessagesPage):
    """The file that goes with it: downloaded, never shown in our name."""

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        message = self.message(pk)
        if not message.file:
            raise NotFound()
        return opened(message.kind, url=message.url, file=message.file, file_name=message.file_name)


urlpatterns = [
    path("space-messages/", Messages.as_view(), name="space-messages"),
    path("space-messages/new/", MessageNew.as_view(), name="space-message-new"),
    path("space-messages/preview/", MessagePreview.as_view(), name="space-message-preview"),
    path("space-messages/pick/", AudiencePick.as_view(), name="space-message-pick"),
    path("space-messages/<uuid:pk>/", MessagePage.as_view(), name="space-message"),
    path("space-messages/<uuid:pk>/edit/", MessageEdit.as_view(), name="space-message-edit"),
    path("space-messages/<uuid:pk>/send/", MessageSend.as_view(), name="space-message-send"),
    path("space-messages/<uuid:pk>/stop/", MessageStop.as_view(), name="space-message-stop"),
    path("space-messages/<uuid:pk>/resume/", MessageResume.as_view(), name="space-message-resume"),
    path("space-messages/<uuid:pk>/withdraw/", MessageWithdraw.as_view(), name="space-message-withdraw"),
    path("space-messages/<uuid:pk>/delete/", MessageDelete.as_view(), name="space-message-delete"),
    path("space-messages/<uuid:pk>/export/", MessageExport.as_view(), name="space-message-export"),
    path("space-messages/<uuid:pk>/file/", MessageFile.as_view(), name="space-message-file"),
]
