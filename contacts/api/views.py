"""REST: saved views of the list of contacts."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.filters import ORDERINGS
from contacts.models import SavedView
from contacts.services import views as services
from enterprises.rest import get_or_404

ORDER = [sign + name for name in ORDERINGS for sign in ("", "-")]


class SavedViewShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    shared = serializers.BooleanField(help_text=_("Everybody may use it; whom it shows depends on who asks."))
    member = shapes.NamedShape()
    filter = serializers.DictField()
    ordering = serializers.ChoiceField(ORDER)
    columns = serializers.ListField(child=serializers.CharField())


class NewView(Body):
    name = serializers.CharField(max_length=40)
    filter = serializers.DictField(required=False, default=dict, help_text=_("The filter of the list of contacts."))
    ordering = serializers.ChoiceField(ORDER, default="-added_at")
    columns = serializers.ListField(child=serializers.CharField(max_length=32), required=False)
    shared = serializers.BooleanField(default=False, help_text=_("Needs views.share."))


class ViewEdit(Body):
    name = serializers.CharField(max_length=40, required=False)
    filter = serializers.DictField(required=False)
    ordering = serializers.ChoiceField(ORDER, required=False)
    columns = serializers.ListField(child=serializers.CharField(max_length=32), required=False)
    shared = serializers.BooleanField(required=False)


def represent(view: SavedView) -> dict[str, Any]:
    return {
        "id": view.pk,
        "name": view.name,
        "shared": view.shared,
        "member": {"id": view.member_id, "name": view.member.name},
        "filter": view.filter,
        "ordering": view.ordering,
        "columns": view.columns,
    }


class SavedViewsView(ContactView):
    """Views of the list of contacts: one's own and those that are shared."""

    permissions = {"GET": "contacts.view", "POST": "contacts.view"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.page_of(SavedViewShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        seen = SavedView.objects.visible_to(self.actor).select_related("member")
        return self.page(seen, represent, orderings=("name",), default="name")

    @extend_schema(request=NewView, responses={201: SavedViewShape})
    def post(self, request: Request) -> Response:
        return Response(represent(services.save_view(self.actor, **self.read(NewView))), status=201)


class SavedViewView(ContactView):
    """One view. Those of others need views.share to be changed."""

    permissions = {"GET": "contacts.view", "PATCH": "contacts.view", "DELETE": "contacts.view"}

    def view(self, pk: str) -> SavedView:
        return get_or_404(SavedView.objects.visible_to(self.actor).select_related("member"), pk)

    @extend_schema(responses=SavedViewShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response(represent(self.view(pk)))

    @extend_schema(request=ViewEdit(partial=True), responses=SavedViewShape)
    def patch(self, request: Request, pk: str) -> Response:
        return Response(represent(services.change_view(self.actor, view=self.view(pk), **self.read(ViewEdit))))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete_view(self.actor, view=self.view(pk))
        return Response(status=204)


urlpatterns = [
    path("contacts/views", SavedViewsView.as_view(), name="contact-views"),
    path("contacts/views/<uuid:pk>", SavedViewView.as_view(), name="contact-view"),
]
