"""Group chats of a space: who is in them, putting people in, and the link that leads into both (U10)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from common.ids import parse_uuid
from console.listing import Listing
from console.spaces.base import FormPage, RowField, RowsForm, SpacesPage
from enterprises.models import Member
from enterprises.rest import get_or_404
from enterprises.services import policy
from upstream import queries
from upstream.models import ChatSeat, Space, SpaceChat, SpaceMember, Subgroup
from upstream.queries import chats as chat_queries
from upstream.rules.chats import RULES, ChatKind
from upstream.services import chats as services
from upstream.services import invitations

OFFERED = 50  # people and members of ours to choose from; more are found by the search


class ChatForm(RowsForm):
    name = forms.CharField(label=_("Name of the group chat"), max_length=64)
    owner = RowField(label=_("Owner of the group chat"), empty_label=None)
    joins_space = forms.BooleanField(
        label=_("Who joins the group chat joins the space"),
        required=False,
        help_text=_("By a link or QR code that leads into both. Only where partners see each other."),
    )


class NewChatForm(ChatForm):
    subgroup = RowField(
        label=_("Only for the subgroup"),
        required=False,
        empty_label=_("The whole space"),
        help_text=_("Its partners and those below. Partners never see subgroups."),
    )
    field_order = ("name", "owner", "subgroup", "joins_space")


class ChatPage(SpacesPage):
    """What the pages of group chats share."""

    def chat(self, pk: UUID, chat_id: UUID) -> SpaceChat:
        return get_or_404(chat_queries.chats(self.actor, self.space(pk)), chat_id)

    def address(self, chat: SpaceChat) -> str:
        return self.url("space-chat", pk=chat.space_id, chat_id=chat.pk)

    def owners(self, space: Space) -> Any:
        """Who can own a group chat: who is in the space; oneself only, unless one manages it."""
        found = queries.present_members().filter(pk__in=SpaceMember.objects.filter(space=space).values("member_id"))
        return found if self.actor.may("spaces.manage") else found.filter(pk=self.actor.member_id)


class Chats(ChatPage):
    """The space's group chats that the person sees."""

    permission = "spaces.view"
    template = "console/spaces/chats.html"
    title = _("Space group chats")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        asked = {"dismissed": "true" if request.GET.get("dismissed") == "true" else "false"}
        found = chat_queries.chats(self.actor, space, asked)
        context = {
            "space": space,
            "listing": Listing(request, found, ordering="-created_at", orderings=("created_at", "name")),
            "dismissed": asked["dismissed"] == "true",
            "limit": policy().space_chat_people,
            "may_edit": self.actor.may("spaces.edit"),
            "may_manage": self.actor.may("spaces.manage"),
        }
        return self.render(context)


class ChatNew(FormPage, ChatPage):
    """A group chat with its owner in it."""

    permission = "spaces.edit"
    template = "console/spaces/chat_new.html"
    title = _("New space group chat")
    button = _("Create")
    done = _("The space group chat was created.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)

    def form(self, data: Any) -> NewChatForm:
        inside = Subgroup.objects.filter(space=self.found)
        given = {"owner": self.actor.member_id}
        return NewChatForm(data, initial=given, owner=self.owners(self.found), subgroup=inside)

    def act(self, data: dict[str, Any]) -> str:
        return self.address(services.create_chat(self.actor, space=self.found, **data))

    def back(self) -> str:
        return self.url("space-chats", pk=self.found.pk)

    def more(self) -> dict[str, Any]:
        return {"space": self.found, "limit": policy().space_chat_people}


class ChatEdit(FormPage, ChatPage):
    """Name, owner, and whether joining it joins the space."""

    permission = "spaces.edit"
    button = _("Save")
    done = _("The space group chat was changed.")

    def load(self, pk: UUID, chat_id: UUID) -> None:  # type: ignore[override]
        self.found = self.chat(pk, chat_id)
        self.title = self.found.name

    def form(self, data: Any) -> ChatForm:
        given = {"name": self.found.name, "owner": self.found.owner_id, "joins_space": self.found.joins_space}
        owners = self.owners(self.found.space) | Member.objects.filter(pk=self.found.owner_id)
        return ChatForm(data, initial=given, owner=owners)

    def act(self, data: dict[str, Any]) -> None:
        services.edit_chat(self.actor, chat=self.found, changes=data)

    def back(self) -> str:
        return self.address(self.found)


class OneChat(ChatPage):
    """Who is in the group chat, who does not fit any more, and putting people in."""

    permission = "spaces.view"
    template = "console/spaces/chat.html"

    def get(self, request: HttpRequest, pk: UUID, chat_id: UUID) -> HttpResponseBase:
        return self.show(self.chat(pk, chat_id))

    def post(self, request: HttpRequest, pk: UUID, chat_id: UUID) -> HttpResponseBase:
        chat = self.chat(pk, chat_id)
        self.actor.require("spaces.edit")
        try:
            with transaction.atomic():
                people = chat_queries.addable(self.actor, chat.space, _ids(request.POST.getlist("people")))
                members = queries.present_members().filter(pk__in=_ids(request.POST.getlist("members")))
                number = services.add(self.actor, chat=chat, members=list(members), people=people)
        except Refusal as refusal:
            return self.show(chat, refusal)
        messages.success(request, _("People put in: %(number)s.") % {"number": number})
        return self.redirect(request.path)

    def show(self, chat: SpaceChat, refusal: Refusal | None = None) -> HttpResponseBase:
        self.title = chat.name
        may_edit = self.actor.may("spaces.edit") and chat.dismissed_at is None
        seats = chat_queries.chat_seats(self.actor, chat)
        unfitting = {one.who: one.why for one in services.unfitting(chat)} if may_edit else {}
        listing = Listing(self.request, seats, ordering="joined_at", orderings=("joined_at",))
        for seat in listing.rows:
            seat.misfit = unfitting.get(seat.member_id or seat.person.partner_id)
        context = {
            "space": chat.space,
            "chat": chat,
            "usage": queries.Usage(chat.people, policy().space_chat_people),
            "rules": RULES[ChatKind.SPACE],
            "listing": listing,
            "unfitting": len(unfitting),
            "refusal": refusal,
            "search": self.request.GET.get("search", "")[:64],
            "may_edit": may_edit,
            "may_manage": self.actor.may("spaces.manage"),
            **(self.offered(chat) if may_edit else {}),
        }
        return self.render(context, status=refusal.status if refusal else 200)

    def offered(self, chat: SpaceChat) -> dict[str, Any]:
        """Who could be put in: people that the search finds, and those of ours who are in the space."""
        asked = {"space": str(chat.space_id), "search": self.request.GET.get("search", "")[:64]}
        if chat.subgroup_id:
            asked["subgroup"] = str(chat.subgroup_id)
        inside = ChatSeat.objects.filter(chat=chat)
        people = queries.people(self.actor, asked).exclude(pk__in=inside.exclude(person=None).values("person_id"))
        here = SpaceMember.objects.filter(space=chat.space_id).values("member_id")
        members = queries.present_members().filter(pk__in=here)
        members = members.exclude(pk__in=inside.exclude(member=None).values("member_id"))
        return {"people": people.order_by("partner__name", "joined_at", "id")[:OFFERED], "members": members[:OFFERED]}


class ChatRemove(ChatPage):
    """Take somebody out."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID, chat_id: UUID) -> HttpResponseBase:
        chat = self.chat(pk, chat_id)
        seat = get_or_404(chat_queries.chat_seats(self.actor, chat), request.POST.get("seat", ""))
        members, people = [seat.member] if seat.member else [], [seat.person] if seat.person else []
        services.remove(self.actor, chat=chat, members=members, people=people)
        return self.redirect(self.address(chat))


class ChatDismiss(ChatPage):
    """Dissolve a group chat."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID, chat_id: UUID) -> HttpResponseBase:
        chat = services.dismiss(self.actor, chat=self.chat(pk, chat_id))
        messages.success(request, _("“%(name)s” was dissolved.") % {"name": chat.name})
        return self.redirect(self.url("space-chats", pk=chat.space_id))


class ChatLink(ChatPage):
    """A link with QR code into the group chat and its space."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID, chat_id: UUID) -> HttpResponseBase:
        link = invitations.create_link(self.actor, chat=self.chat(pk, chat_id))
        return self.redirect(self.url("space-invitation", pk=link.pk))


def _ids(given: Iterable[str]) -> list[UUID]:
    return [pk for one in given if (pk := parse_uuid(one)) is not None]


urlpatterns = [
    path("spaces/<uuid:pk>/chats/", Chats.as_view(), name="space-chats"),
    path("spaces/<uuid:pk>/chats/new/", ChatNew.as_view(), name="space-chat-new"),
    path("spaces/<uuid:pk>/chats/<uuid:chat_id>/", OneChat.as_view(), name="space-chat"),
    path("spaces/<uuid:pk>/chats/<uuid:chat_id>/edit/", ChatEdit.as_view(), name="space-chat-edit"),
    path("spaces/<uuid:pk>/chats/<uuid:chat_id>/remove/", ChatRemove.as_view(), name="space-chat-remove"),
    path("spaces/<uuid:pk>/chats/<uuid:chat_id>/dismiss/", ChatDismiss.as_view(), name="space-chat-dismiss"),
    path("spaces/<uuid:pk>/chats/<uuid:chat_id>/link/", ChatLink.as_view(), name="space-chat-link"),
]
