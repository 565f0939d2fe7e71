"""REST: group chats of spaces, and what each kind of group chat allows (U10)."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises.models import Member
from enterprises.rest import check_version, etag, get_or_404
from enterprises.services import policy
from upstream.api import chat_shapes, shapes
from upstream.api.base import UpstreamView, named
from upstream.models import ChatSeat, SpaceChat
from upstream.queries import chats as queries
from upstream.rules.chats import RULES, KindRules
from upstream.services import chats as services


def represent(chat: SpaceChat) -> dict[str, Any]:
    return {
        "id": chat.pk,
        "name": chat.name,
        "subgroup": named(chat.subgroup),
        "owner": named(chat.owner),
        "joins_space": chat.joins_space,
        "people": {"used": chat.people, "limit": policy().space_chat_people},
        "created_at": chat.created_at,
        "dismissed_at": chat.dismissed_at,
    }


def represent_seat(seat: ChatSeat) -> dict[str, Any]:
    person = seat.person
    return {
        "member": named(seat.member),
        "contact": {"id": person.pk, "name": person.person.name} if person else None,
        "partner": named(person.partner) if person else None,
        "joined_at": seat.joined_at,
    }


class ChatView(UpstreamView):
    """What the views of group chats share."""

    def chat(self, pk: str, chat_id: Any) -> SpaceChat:
        return get_or_404(queries.chats(self.actor, self.space(pk)), chat_id)

    def answer(self, chat: SpaceChat, status: int = 200) -> Response:
        """The chat's document; nothing (204) when it is out of the caller's sight by now."""
        found = queries.chats(self.actor, chat.space).filter(pk=chat.pk).first()
        if found is None:
            return Response(status=204)
        unfitting = len(services.unfitting(found)) if found.dismissed_at is None else 0
        body = {**represent(found), "space": named(found.space), "unfitting": unfitting}
        return etag(Response(body, status=status), found.version)


class ChatsView(ChatView):
    """The space's group chats: all for who manages, else those one is in; making one, with its owner in it."""

    permissions = {"GET": "spaces.view", "POST": "spaces.edit"}

    @extend_schema(
        parameters=[*shapes.PAGING, shapes.question("dismissed", "Dissolved ones, or only living ones.", bool)],
        responses=chat_shapes.ChatPage,
    )
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query(queries.CHAT_FILTERS)
        found = queries.chats(self.actor, space, request.query_params.dict())
        return self.page(found, represent, orderings=("created_at", "name"), default="-created_at")

    @extend_schema(request=chat_shapes.NewChat, responses={201: chat_shapes.ChatShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        sources = self.sources(space)
        data = self.known(self.read(chat_shapes.NewChat), owner=sources["owner"], subgroup=sources["subgroups"])
        return self.answer(services.create_chat(self.actor, space=space, **data), 201)


class OneChatView(ChatView):
    """One group chat; DELETE dissolves it."""

    permissions = {"GET": "spaces.view", "PATCH": "spaces.edit", "DELETE": "spaces.edit"}

    @extend_schema(responses=chat_shapes.ChatShape)
    def get(self, request: Request, pk: str, chat_id: str) -> Response:
        return self.answer(self.chat(pk, chat_id))

    @extend_schema(request=chat_shapes.ChatBody(partial=True), responses=chat_shapes.ChatShape)
    def patch(self, request: Request, pk: str, chat_id: str) -> Response:
        chat = self.chat(pk, chat_id)
        check_version(request, chat)
        changes = self.known(self.read(chat_shapes.ChatBody, partial=True), owner=Member.objects.all())
        return self.answer(services.edit_chat(self.actor, chat=chat, changes=changes))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str, chat_id: str) -> Response:
        services.dismiss(self.actor, chat=self.chat(pk, chat_id))
        return Response(status=204)


class ChatPeopleView(ChatView):
    """Who is in the group chat; putting some in, all or none, and taking some out.

    409 `unfitting`: somebody would meet whom they may not see; `limit_reached`: it is full; `other_kind_of_chat`: a
    customer belongs in a customer group chat.
    """

    permissions = {"GET": "spaces.view", "POST": "spaces.edit", "DELETE": "spaces.edit"}

    @extend_schema(parameters=shapes.PAGING, responses=chat_shapes.ChatSeatPage)
    def get(self, request: Request, pk: str, chat_id: str) -> Response:
        chat = self.chat(pk, chat_id)
        self.check_query()
        found = queries.chat_seats(self.actor, chat)
        return self.page(found, represent_seat, orderings=("joined_at",), default="joined_at")

    @extend_schema(request=chat_shapes.ChatPeopleBody, responses=chat_shapes.ChatShape)
    def post(self, request: Request, pk: str, chat_id: str) -> Response:
        chat = self.chat(pk, chat_id)
        services.add(self.actor, chat=chat, **self._given(chat))
        return self.answer(chat)

    @extend_schema(request=chat_shapes.ChatPeopleBody, responses={200: chat_shapes.ChatShape})
    def delete(self, request: Request, pk: str, chat_id: str) -> Response:
        chat = self.chat(pk, chat_id)
        services.remove(self.actor, chat=chat, **self._given(chat))
        return self.answer(chat)

    def _given(self, chat: SpaceChat) -> dict[str, Any]:
        data = self.read(chat_shapes.ChatPeopleBody)
        people = queries.addable(self.actor, chat.space, data.pop("people", ()))
        return {**self.known(data, members=Member.objects.all()), "people": people}


class ChatKindsView(UpstreamView):
    """The two kinds of group chats with people from outside, and what each allows."""

    permissions = {"GET": "spaces.view"}

    @extend_schema(responses=chat_shapes.ChatRulesShape(many=True))
    def get(self, request: Request) -> Response:
        return Response([_rules(one) for one in RULES.values()])


def _rules(rules: KindRules) -> dict[str, Any]:
    texts = ("outsiders", "creator", "created_in", "source")
    facts = (
        "befriend",
        "private_chat",
        "wechat_users",
        "joining_joins_space",
        "read_receipts",
        "mass_messages",
        "served",
    )
    return {
        "kind": rules.kind,
        "label": str(rules.kind.label),
        "people": rules.people(policy()),
        **{name: str(getattr(rules, name)) for name in texts},
        **{name: getattr(rules, name) for name in facts},
    }


urlpatterns = [
    path("group-chat-kinds", ChatKindsView.as_view(), name="group-chat-kinds"),
    path("spaces/<uuid:pk>/group-chats", ChatsView.as_view(), name="space-chats"),
    path("spaces/<uuid:pk>/group-chats/<uuid:chat_id>", OneChatView.as_view(), name="space-chat"),
    path("spaces/<uuid:pk>/group-chats/<uuid:chat_id>/members", ChatPeopleView.as_view(), name="space-chat-people"),
]
