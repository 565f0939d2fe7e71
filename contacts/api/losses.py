"""REST: losses, their report, and who is about to fall silent (C4)."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Invalid
from common.rest import Body
from contacts import losses
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.files.writers import WRITERS
from contacts.models import Contact, Follow
from contacts.rules import Grade, Risk
from contacts.services import report_exports
from enterprises.services import policy
from jobs.api import JobReference


class LossShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = shapes.NamedShape()
    member = shapes.NamedShape()
    owner = shapes.NamedShape(allow_null=True)
    by = serializers.ChoiceField(losses.By.choices())
    added_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    days_kept = serializers.IntegerField()
    source = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())


class LossTrendShape(serializers.Serializer):
    date = serializers.DateField()
    contact = serializers.IntegerField()
    member = serializers.IntegerField()
    both = serializers.IntegerField()


class LossShareShape(serializers.Serializer):
    name = serializers.CharField()
    number = serializers.IntegerField()


class LossMemberShape(shapes.NamedShape):
    number = serializers.IntegerField()


class LossReportShape(serializers.Serializer):
    total = serializers.IntegerField()
    by = serializers.DictField(child=serializers.IntegerField())
    average_days = serializers.FloatField(allow_null=True)
    kept = serializers.DictField(child=serializers.IntegerField(), help_text=_("How long they were kept."))
    monthly = serializers.BooleanField(help_text=_("Is the trend by months? Up to 92 days it is by days."))
    trend = LossTrendShape(many=True)
    members = LossMemberShape(many=True)
    sources = LossShareShape(many=True)


class AtRiskShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    owner = shapes.NamedShape(allow_null=True)
    grade = serializers.ChoiceField(Grade.choices())
    quiet_since = serializers.DateTimeField()
    last_contact_at = serializers.DateTimeField()
    inactive_on = serializers.DateTimeField(help_text=_("When it will be inactive if nothing comes from it."))


class NewLossExport(Body):
    format = serializers.ChoiceField(sorted(WRITERS), default="csv")
    filter = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text=_("The filter of the list of losses; the last 30 days when left out."),
    )


LOSSES = shapes.page_of(LossShape)
AT_RISK = shapes.page_of(AtRiskShape)
ASKED = [
    OpenApiParameter("from", OpenApiTypes.DATE, description=_("The last 30 days when left out.")),
    OpenApiParameter("to", OpenApiTypes.DATE),
    OpenApiParameter("by", str, enum=[by.value for by in losses.By]),
    OpenApiParameter("member", OpenApiTypes.UUID),
    OpenApiParameter("source", str),
]


def represent(row: Follow) -> dict[str, Any]:
    """A loss as documents show it."""
    owner = row.contact.owner
    return {
        "id": row.pk,
        "contact": {"id": row.contact_id, "name": str(row.contact)},
        "member": {"id": row.member_id, "name": row.member.name},
        "owner": {"id": owner.pk, "name": owner.name} if owner else None,
        "by": losses.ended_by(row).value,
        "added_at": row.added_at,
        "ended_at": row.ended_at,
        "days_kept": losses.days_kept(row),
        "source": row.source,
        "tags": [tagging.tag.name for tagging in row.taggings.all()],
    }


class LossesView(ContactView):
    """Relations that ended in a time, the latest first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(parameters=[*shapes.PAGING, *ASKED], responses=LOSSES)
    def get(self, request: Request) -> Response:
        self.check_query(losses.FILTERS)
        found = losses.losses(self.actor, losses.Asked.parse(self.actor, request.query_params))
        return self.page(losses.full(found), represent, orderings=("ended_at",), default="-ended_at")


class ReportView(ContactView):
    """The same in numbers."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(parameters=ASKED, responses=LossReportShape)
    def get(self, request: Request) -> Response:
        self.check_query(losses.FILTERS)
        found = losses.report(self.actor, losses.Asked.parse(self.actor, request.query_params))
        return Response(
            {
                "total": found.total,
                "by": {by.value: number for by, number in found.by.items()},
                "average_days": found.average_days,
                "kept": {kept.value: number for kept, number in found.kept.items()},
                "monthly": found.monthly,
                "trend": [
                    {"date": day, "contact": contact, "member": member, "both": both}
                    for day, contact, member, both in found.trend
                ],
                "members": [{"id": pk, "name": name, "number": number} for pk, name, number in found.members],
                "sources": [{"name": name, "number": number} for name, number in found.sources],
            }
        )


class ExportView(ContactView):
    """Export losses; the file is the job's report."""

    permissions = {"POST": "contacts.export"}

    @extend_schema(operation_id="losses_export", request=NewLossExport, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        run = report_exports.start_losses(self.actor, **self.read(NewLossExport))
        return Response(JobReference(run).data, status=202)


class AheadView(ContactView):
    """Who is about to fall silent, by a rule: silent_soon, buyer_quiet, valued_alone. Thresholds are policy."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(
        parameters=[*shapes.PAGING, OpenApiParameter("risk", str, enum=[risk.value for risk in Risk])],
        responses=AT_RISK,
    )
    def get(self, request: Request) -> Response:
        self.check_query(("risk",))
        risk = request.query_params.get("risk", Risk.SILENT_SOON.value)
        if risk not in set(Risk):
            raise Invalid({"risk": [_("Choose one of the offered values.")]})
        numbers = policy()

        def shown(contact: Contact) -> dict[str, Any]:
            owner = contact.owner
            return {
                "id": contact.pk,
                "name": str(contact),
                "owner": {"id": owner.pk, "name": owner.name} if owner else None,
                "grade": contact.grade,
                "quiet_since": contact.quiet_since,  # type: ignore[attr-defined]
                "last_contact_at": contact.last_contact_at,
                "inactive_on": losses.silent_on(contact, numbers),
            }

        found = losses.at_risk(self.actor, Risk(risk)).select_related("owner")
        return self.page(found, shown, orderings=("quiet_since",), default="quiet_since")


urlpatterns = [
    path("losses", LossesView.as_view(), name="losses"),
    path("losses/report", ReportView.as_view(), name="loss-report"),
    path("losses/export", ExportView.as_view(), name="losses-export"),
    path("losses/ahead", AheadView.as_view(), name="losses-ahead"),
]
