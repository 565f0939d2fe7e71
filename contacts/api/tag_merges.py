"""REST: merging two tags, told in numbers first (C13)."""

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api.contacts import ContactView
from contacts.models import Tag
from contacts.services import tag_merges
from enterprises.rest import get_or_404, reference
from jobs.api import JobReference


class MergeBody(Body):
    into = serializers.UUIDField(help_text=_("The tag that stays."))


class TagMergePreviewShape(serializers.Serializer):
    contacts = serializers.IntegerField(help_text=_("How many contacts wear the tag that goes."))
    both = serializers.IntegerField(help_text=_("How many of them wear the tag that stays already."))
    rules = serializers.ListField(child=serializers.CharField(), help_text=_("Tag rules that will name the other."))
    views = serializers.IntegerField(help_text=_("How many saved views will ask for the other."))


class MergeView(ContactView):
    """Merge a tag into another one, as a job."""

    permissions = {"POST": "tags.manage"}

    @extend_schema(request=MergeBody, responses={202: JobReference})
    def post(self, request: Request, pk: str) -> Response:
        return Response(JobReference(tag_merges.start(self.actor, **self.pair(pk))).data, status=202)

    def pair(self, pk: str) -> dict[str, Tag]:
        """The tag that goes and the one that stays, as the services take them."""
        tag = get_or_404(Tag.objects.all(), pk)
        return {"tag": tag, "into": reference(Tag.objects.all(), self.read(MergeBody)["into"], "into")}


class MergePreviewView(MergeView):
    """What merging a tag into another one would do, in numbers: it cannot be undone."""

    @extend_schema(operation_id="tags_merge_preview", request=MergeBody, responses=TagMergePreviewShape)
    def post(self, request: Request, pk: str) -> Response:
        found = tag_merges.preview(self.actor, **self.pair(pk))
        return Response(TagMergePreviewShape(found).data)


urlpatterns = [
    path("tags/<uuid:pk>/merge", MergeView.as_view(), name="tag-merge"),
    path("tags/<uuid:pk>/merge/preview", MergePreviewView.as_view(), name="tag-merge-preview"),
]
