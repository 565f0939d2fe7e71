"""REST: jobs."""

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from common.errors import Invalid
from enterprises.api.shapes import filters, page_of
from enterprises.rest import TenantAPIView, get_or_404
from jobs import registry, services
from jobs.models import JobRun


class JobShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    label = serializers.CharField(help_text="What people call it, in the caller's language.")
    state = serializers.ChoiceField(JobRun.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    result = serializers.JSONField(allow_null=True, help_text="What it did; its shape depends on the job.")
    error = serializers.JSONField(allow_null=True, help_text="{code, detail, …} when it failed.")
    report_url = serializers.URLField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    member = serializers.UUIDField(allow_null=True, help_text="Who asked for it; null for scheduled work.")
    undo_until = serializers.DateTimeField(allow_null=True)
    undoes = serializers.UUIDField(allow_null=True, help_text="The job that this one takes back.")


class JobReference(serializers.Serializer):
    """Work was queued."""

    job = serializers.UUIDField(source="pk", help_text="Follow it at jobs/{id}.")


def represent(run: JobRun, request: Request) -> dict[str, Any]:
    """A run as API.md shows it."""
    return {
        "id": run.pk,
        "name": run.name,
        "label": registry.label(run.name),
        "state": run.state,
        "done": run.done,
        "total": run.total,
        "result": run.result,
        "error": run.error,
        "report_url": reverse("api-job-report", kwargs={"pk": run.pk}, request=request) if run.report else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "member": run.member_id,
        "undo_until": run.undo_until,
        "undoes": run.undoes_id,
    }


class JobsView(TenantAPIView):
    """The caller's jobs, newest first; everybody's for those who may see them."""

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            *filters(name="Such as contacts.archive."),
            OpenApiParameter("state", str, enum=JobRun.State.values),
            OpenApiParameter("mine", bool, description="Only what the caller asked for."),
        ],
        responses=page_of(JobShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(("name", "state", "mine"))
        query = request.query_params
        runs = JobRun.objects.visible_to(self.actor)
        if name := query.get("name"):
            runs = runs.filter(name=name)
        if state := query.get("state"):
            if state not in JobRun.State.values:
                raise Invalid({"state": [_("There is no such state.")]})
            runs = runs.filter(state=state)
        if self.flag("mine"):
            runs = runs.filter(member_id=self.actor.member_id)
        return self.page(runs, lambda run: represent(run, request), orderings=("created_at",), default="-created_at")


class JobView(TenantAPIView):
    """One job: how far it is and what came of it."""

    @extend_schema(operation_id="jobs_retrieve", responses=JobShape)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(represent(get_or_404(JobRun.objects.visible_to(self.actor), pk), request))


class JobCancelView(TenantAPIView):
    """Stop a job. What it has done already stays done."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobShape)
    def post(self, request: Request, pk: UUID) -> Response:
        run = get_or_404(JobRun.objects.visible_to(self.actor), pk)
        return Response(represent(services.cancel(self.actor, run=run), request))


class JobRetryView(TenantAPIView):
    """Try a failed job again; it goes on where it stopped."""

    @extend_schema(operation_id="jobs_retry", request=None, responses={202: JobShape})
    def post(self, request: Request, pk: UUID) -> Response:
        run = get_or_404(JobRun.objects.visible_to(self.actor), pk)
        return Response(represent(services.retry(self.actor, run=run), request), status=202)


class JobUndoView(TenantAPIView):
    """Take a job back with another one, as long as `undo_until` has not passed."""

    @extend_schema(operation_id="jobs_undo", request=None, responses={202: JobReference})
    def post(self, request: Request, pk: UUID) -> Response:
        run = get_or_404(JobRun.objects.visible_to(self.actor), pk)
        return Response(JobReference(services.undo(self.actor, run=run)).data, status=202)


class JobReportView(TenantAPIView):
    """The file that a job made: refused rows, an export, who was left out."""

    any_accept = True

    @extend_schema(
        operation_id="jobs_report", responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)}
    )
    def get(self, request: Request, pk: UUID) -> HttpResponseBase:
        return services.fetch(self.actor, run=get_or_404(JobRun.objects.visible_to(self.actor), pk))


urlpatterns = [
    path("jobs", JobsView.as_view(), name="api-jobs"),
    path("jobs/<uuid:pk>", JobView.as_view(), name="api-job"),
    path("jobs/<uuid:pk>/cancel", JobCancelView.as_view(), name="api-job-cancel"),
    path("jobs/<uuid:pk>/retry", JobRetryView.as_view(), name="api-job-retry"),
    path("jobs/<uuid:pk>/undo", JobUndoView.as_view(), name="api-job-undo"),
    path("jobs/<uuid:pk>/report", JobReportView.as_view(), name="api-job-report"),
]
