"""REST: corporate tags and their groups."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.files.writers import WRITERS
from contacts.models import Tag, TagGroup
from contacts.services import report_exports
from contacts.services import tags as services
from enterprises.rest import get_or_404, reference
from jobs.api import JobReference


def represent_group(group: TagGroup) -> dict[str, Any]:
    """A group with its tags, which are prefetched on lists."""
    return {
        "id": group.pk,
        "name": group.name,
        "colour": group.colour,
        "position": group.position,
        "tags": [{"id": tag.pk, "name": tag.name} for tag in group.tags.all()],
    }


def represent_tag(tag: Tag) -> dict[str, Any]:
    return {"id": tag.pk, "name": tag.name, "group": tag.group.name}


class TagGroupsView(ContactView):
    """All groups with their tags."""

    permissions = {"GET": "contacts.view", "POST": "tags.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.page_of(shapes.TagGroupShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        groups = TagGroup.objects.prefetch_related("tags")
        return self.page(groups, represent_group, orderings=("position", "name"), default="position")

    @extend_schema(request=shapes.NewTagGroup, responses={201: shapes.TagGroupShape})
    def post(self, request: Request) -> Response:
        group = services.create_tag_group(self.actor, **self.read(shapes.NewTagGroup))
        return Response(represent_group(group), status=201)


class TagGroupView(ContactView):
    """One group of tags."""

    permissions = {"GET": "contacts.view", "PATCH": "tags.manage", "DELETE": "tags.manage"}

    @extend_schema(responses=shapes.TagGroupShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response(represent_group(get_or_404(TagGroup.objects.all(), pk)))

    @extend_schema(request=shapes.TagGroupEdit(partial=True), responses=shapes.TagGroupShape)
    def patch(self, request: Request, pk: str) -> Response:
        group = get_or_404(TagGroup.objects.all(), pk)
        services.edit(self.actor, row=group, **self.read(shapes.TagGroupEdit))
        return Response(represent_group(group))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete(self.actor, row=get_or_404(TagGroup.objects.all(), pk))
        return Response(status=204)


class TagsView(ContactView):
    """Corporate tags."""

    permissions = {"GET": "contacts.view", "POST": "tags.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.page_of(shapes.TagShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        tags = Tag.objects.select_related("group")
        return self.page(tags, represent_tag, orderings=("name",), default="name")

    @extend_schema(request=shapes.NewTag, responses={201: shapes.TagShape})
    def post(self, request: Request) -> Response:
        data = self.read(shapes.NewTag)
        data["group"] = reference(TagGroup.objects.all(), data["group"], "group")
        return Response(represent_tag(services.create_tag(self.actor, **data)), status=201)


class TagView(ContactView):
    """One tag."""

    permissions = {"GET": "contacts.view", "PATCH": "tags.manage", "DELETE": "tags.manage"}

    @extend_schema(responses=shapes.TagShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response(represent_tag(get_or_404(Tag.objects.select_related("group"), pk)))

    @extend_schema(request=shapes.TagEdit(partial=True), responses=shapes.TagShape)
    def patch(self, request: Request, pk: str) -> Response:
        tag = get_or_404(Tag.objects.select_related("group"), pk)
        services.edit(self.actor, row=tag, **self.read(shapes.TagEdit))
        return Response(represent_tag(tag))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete(self.actor, row=get_or_404(Tag.objects.all(), pk))
        return Response(status=204)


class NewTagExport(Body):
    format = serializers.ChoiceField(sorted(WRITERS), default="csv")


class UsageExportView(ContactView):
    """Export how much every tag is worn, the dead ones first; the file is the job's report."""

    permissions = {"POST": "tags.manage"}

    @extend_schema(operation_id="tags_usage_export", request=NewTagExport, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        run = report_exports.start_tags(self.actor, **self.read(NewTagExport))
        return Response(JobReference(run).data, status=202)


urlpatterns = [
    path("tag-groups", TagGroupsView.as_view(), name="tag-groups"),
    path("tag-groups/<uuid:pk>", TagGroupView.as_view(), name="tag-group"),
    path("tags", TagsView.as_view(), name="tags"),
    path("tags/usage/export", UsageExportView.as_view(), name="tag-usage-export"),
    path("tags/<uuid:pk>", TagView.as_view(), name="tag"),
]
