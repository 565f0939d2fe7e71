"""REST: bulk work and its preview."""

from typing import Any
from uuid import UUID

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.rules import Grade, Status
from contacts.services import bulk
from enterprises.rest import TenantAPIView, get_or_404
from jobs.api import JobReference
from jobs.models import JobRun


class Parameters(serializers.Serializer):
    """What an action needs to know; each action takes its own only."""

    on_full = serializers.CharField(
        required=False,
        help_text=_("restore: “refuse” (all or nothing, the default) or “partial” (as many as fit)."),
    )
    tags = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text=_("tag, untag: ids of corporate tags.")
    )
    owner = serializers.UUIDField(required=False, help_text=_("transfer: id of the member."))
    count = serializers.IntegerField(
        required=False, min_value=0, help_text=_("delete: how many contacts will be deleted for good.")
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Names that no action knows are the service's to refuse: nothing that somebody sent is passed over."""
        known = super().to_internal_value(data)
        return {**{name: data[name] for name in data if name not in self.fields}, **known}


class BulkWork(Body):
    action = serializers.ChoiceField(tuple(bulk.ACTIONS))
    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text=_("Ids of contacts, at most 10,000.")
    )
    filter = serializers.DictField(
        required=False, help_text=_("The filter of the list of contacts, instead of ids; {} is everybody.")
    )
    params = Parameters(required=False)


class OwnerCount(serializers.Serializer):
    owner = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    contacts = serializers.IntegerField()


class BulkPreview(serializers.Serializer):
    """Grades and owners are those of the affected contacts."""

    action = serializers.CharField()
    total = serializers.IntegerField(help_text=_("Contacts chosen."))
    affected = serializers.IntegerField(help_text=_("Contacts that would be changed."))
    excluded = serializers.DictField(
        child=serializers.IntegerField(), help_text=_("How many are left out, by the code of the reason.")
    )
    by_status = serializers.DictField(child=serializers.IntegerField(), help_text=", ".join(Status))
    by_grade = serializers.DictField(child=serializers.IntegerField(), help_text=", ".join(Grade))
    by_owner = OwnerCount(many=True, help_text=_("The ten with the most contacts."))
    other_owners = serializers.IntegerField(help_text=_("Contacts of owners who are not listed."))
    frees = serializers.IntegerField(help_text=_("Places that would be given back."))
    needs = serializers.IntegerField(help_text=_("Places that would be taken."))
    free_places = serializers.IntegerField(allow_null=True, help_text=_("Places there are now, when some are needed."))
    over_budget = serializers.IntegerField(
        help_text=_("Contacts for which the budget of their (new) owner's team has no room.")
    )


def represent(found: bulk.Preview) -> dict[str, Any]:
    """A preview as the API shows it."""
    return {
        "action": found.action.name,
        "total": found.total,
        "affected": found.affected,
        "excluded": found.excluded,
        "by_status": found.by_status,
        "by_grade": found.by_grade,
        "by_owner": [
            {"owner": owner.pk if owner else None, "name": owner.name if owner else None, "contacts": number}
            for owner, number in found.owners
        ],
        "other_owners": found.other_owners,
        "frees": found.frees,
        "needs": found.needs,
        "free_places": found.free_places,
        "over_budget": found.over_budget,
    }


def _asked(request: Request) -> dict[str, Any]:
    given = BulkWork(data=request.data)
    given.is_valid(raise_exception=True)
    return given.validated_data


class BulkView(TenantAPIView):
    """Archive, restore, tag, untag, delete or transfer many contacts as a job."""

    @extend_schema(operation_id="contacts_bulk", request=BulkWork, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        return Response(JobReference(bulk.start(self.actor, **_asked(request))).data, status=202)


class BulkPreviewView(TenantAPIView):
    """What bulk work would do, in numbers; changes nothing."""

    @extend_schema(operation_id="contacts_bulk_preview", request=BulkWork, responses=BulkPreview)
    def post(self, request: Request) -> Response:
        return Response(represent(bulk.preview(self.actor, **_asked(request))))


class UndoPreviewView(TenantAPIView):
    """What taking a bulk job back would do now, in numbers; changes nothing."""

    @extend_schema(operation_id="jobs_undo_preview", responses=BulkPreview)
    def get(self, request: Request, pk: UUID) -> Response:
        run = get_or_404(JobRun.objects.visible_to(self.actor), pk)
        return Response(represent(bulk.preview_undo(self.actor, run=run)))


urlpatterns = [
    path("jobs/<uuid:pk>/undo/preview", UndoPreviewView.as_view(), name="jobs-undo-preview"),
    path("contacts/bulk", BulkView.as_view(), name="contacts-bulk"),
    path("contacts/bulk/preview", BulkPreviewView.as_view(), name="contacts-bulk-preview"),
]
