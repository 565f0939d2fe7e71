"""REST: customer groups and the outside people in them."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import queries
from contacts.api import shapes
from contacts.api.contacts import ContactView, member
from contacts.models import Contact, GroupChat, GroupMember
from contacts.services import groups as services
from enterprises.rest import check_version, etag, get_or_404, reference


def represent(group: Any) -> dict[str, Any]:
    """A group chat; comes from `queries.groups`."""
    return {
        "id": group.pk,
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": {"id": group.owner_id, "name": group.owner.name},
        "created_at": group.created_at,
        "dismissed_at": group.dismissed_at,
        "size": group.size,
    }


class GroupView(ContactView):
    """What the views of group chats share."""

    def group(self, pk: Any) -> GroupChat:
        return get_or_404(GroupChat.objects.visible_to(self.actor), pk)

    def answer_group(self, pk: Any, status: int = 200) -> Response:
        """The group's document; nothing (204) when it is out of the caller's sight by now."""
        group = queries.groups(self.actor).filter(pk=pk).first()
        if group is None:
            return Response(status=204)
        return etag(Response(represent(group), status=status), group.version)


class GroupsView(GroupView):
    """The group chats that the caller may see, and making one."""

    permissions = {"GET": "groups.view", "POST": "groups.manage"}

    @extend_schema(
        parameters=[
            *shapes.PAGING,
            OpenApiParameter("search", str, description="The name begins with."),
            OpenApiParameter("owner", str, description="A member's id."),
            OpenApiParameter("dismissed", bool, description="Dissolved ones, or only living ones."),
        ],
        responses=shapes.page_of(shapes.GroupShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.GROUP_FILTERS)
        found = queries.groups(self.actor, request.query_params.dict())
        return self.page(found, represent, orderings=("created_at", "name"), default="-created_at")

    @extend_schema(request=shapes.NewGroup, responses={201: shapes.GroupShape})
    def post(self, request: Request) -> Response:
        data = self.read(shapes.NewGroup)
        member(data, "owner")
        return self.answer_group(services.create_group(self.actor, **data).pk, 201)


class OneGroupView(GroupView):
    """One group chat; DELETE dissolves it."""

    permissions = {"GET": "groups.view", "PATCH": "groups.manage", "DELETE": "groups.manage"}

    @extend_schema(responses=shapes.GroupShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer_group(self.group(pk).pk)

    @extend_schema(request=shapes.GroupEdit(partial=True), responses=shapes.GroupShape)
    def patch(self, request: Request, pk: str) -> Response:
        group = get_or_404(GroupChat.objects.visible_to(self.actor).select_for_update(no_key=True, of=("self",)), pk)
        check_version(request, group)
        data = self.read(shapes.GroupEdit)
        member(data, "owner")
        services.edit_group(self.actor, group=group, **data)
        return self.answer_group(group.pk)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.dismiss_group(self.actor, group=self.group(pk))
        return Response(status=204)


class GroupMembersView(GroupView):
    """The outside people in a group, as far as the caller may see them; inviting and removing some."""

    permissions = {"GET": "groups.view", "POST": "groups.manage", "DELETE": "groups.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.page_of(shapes.GroupMemberShape))
    def get(self, request: Request, pk: str) -> Response:
        group = self.group(pk)
        self.check_query()
        return self.page(
            queries.group_members(self.actor, group), represent_member, orderings=("joined_at",), default="joined_at"
        )

    @extend_schema(request=shapes.Joining, responses=shapes.GroupShape)
    def post(self, request: Request, pk: str) -> Response:
        group = self.group(pk)
        data = self.read(shapes.Joining)
        people = [services.Person(**person) for person in data.get("people", ())]
        people += [services.Person(one.external_userid) for one in self._contacts(data.get("contacts", ()))]
        services.invite(self.actor, group=group, people=people)
        return self.answer_group(group.pk)

    @extend_schema(request=shapes.Leaving, responses={200: shapes.GroupShape})
    def delete(self, request: Request, pk: str) -> Response:
        group = self.group(pk)
        services.leave(self.actor, group=group, contacts=self._contacts(self.read(shapes.Leaving)["contacts"]))
        return self.answer_group(group.pk)

    def _contacts(self, ids: Any) -> list[Contact]:
        seen = Contact.objects.visible_to(self.actor)
        known = seen.in_bulk(ids)
        for pk in (pk for pk in ids if pk not in known):
            for say in services.others:
                say(self.actor, pk)
        return [known.get(pk) or reference(seen, pk, "contacts") for pk in ids]


def represent_member(row: GroupMember) -> dict[str, Any]:
    return {
        "contact": {"id": row.contact_id, "name": str(row.contact)},
        "status": row.contact.status,
        "joined_at": row.joined_at,
    }


urlpatterns = [
    path("groups", GroupsView.as_view(), name="groups"),
    path("groups/<uuid:pk>", OneGroupView.as_view(), name="group"),
    path("groups/<uuid:pk>/members", GroupMembersView.as_view(), name="group-members"),
]
