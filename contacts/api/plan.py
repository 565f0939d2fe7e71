"""REST of the plan (Q16): its options, the list of one of them, and carrying it out."""

import base64
import binascii
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock, paging
from common.errors import Invalid
from common.rest import Body
from contacts.models import Contact
from contacts.plan import candidates, reading, rules
from contacts.plan.candidates import Terms
from contacts.services.plan import carry_out
from enterprises.rest import TenantAPIView
from enterprises.services import policy
from jobs.api import JobReference
from quota.ledger import require_whole_enterprise

FOLLOW_UPS = OpenApiParameter("with_follow_ups", bool, description="Contacts with planned follow-ups as well.")


class PlanOptionShape(serializers.Serializer):
    kind = serializers.ChoiceField(
        rules.Kind.choices(), help_text="buy: keep everybody; archive: fit the free scale; mix: fit a smaller tier."
    )
    tier = serializers.IntegerField(help_text="The capacity; for archive that of the free scale.")
    cost = serializers.DecimalField(12, 2, help_text="CNY a year.")
    archive_count = serializers.IntegerField()
    value_at_risk = serializers.DecimalField(16, 2, help_text="What the archived spent in the spending window.")
    expected_loss = serializers.DecimalField(16, 2, help_text="What they are expected to spend in the next year.")
    saves = serializers.DecimalField(
        12, 2, allow_null=True, help_text="CNY a year against the cheapest way to keep everybody; null without one."
    )
    best = serializers.BooleanField(help_text="Costs least in a year, expected loss included.")


class PlanLeftOutShape(serializers.Serializer):
    high = serializers.IntegerField(help_text="Of high value: never on the list.")
    follow_ups = serializers.IntegerField(help_text="With a planned follow-up: on the list only when asked for.")


class ScalePlanShape(serializers.Serializer):
    at = serializers.DateTimeField()
    basis = serializers.ChoiceField(reading.Basis.choices())
    served = serializers.IntegerField()
    capacity = serializers.IntegerField()
    need = serializers.IntegerField(help_text="For how many there must be places.")
    most_to_archive = serializers.IntegerField()
    left_out = PlanLeftOutShape()
    options = PlanOptionShape(many=True)


class PlanCandidateShape(serializers.Serializer):
    rank = serializers.IntegerField(help_text="1 is the least loss.")
    id = serializers.UUIDField()
    name = serializers.CharField()
    grade = serializers.CharField()
    spend = serializers.DecimalField(14, 2)
    silent_days = serializers.IntegerField()
    expected = serializers.DecimalField(14, 2, help_text="What is expected of them in the next year.")
    reason = serializers.CharField()


class PlanCandidateListShape(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PlanCandidateShape(many=True)


class CarryOut(Body):
    archive_count = serializers.IntegerField(min_value=1, max_value=10_000_000)
    leave = serializers.IntegerField(
        min_value=0,
        required=False,
        help_text="Archive only until so many are served: sent twice, it is done once.",
    )
    with_follow_ups = serializers.BooleanField(required=False)


def represent(made: reading.Plan) -> dict[str, Any]:
    """The plan as API.md shows it."""
    best = made.best
    return {
        "at": made.at,
        "basis": str(made.basis),
        "served": made.served,
        "capacity": made.capacity,
        "need": made.need,
        "most_to_archive": made.most,
        "left_out": made.left_out,
        "options": [
            {
                "kind": str(option.kind),
                "tier": option.tier,
                "cost": option.cost,
                "archive_count": option.archive_count,
                "value_at_risk": _cents(option.value_at_risk),
                "expected_loss": _cents(option.expected_loss),
                "saves": option.saves,
                "best": option is best,
            }
            for option in made.options
        ],
    }


class PlanView(TenantAPIView):
    """Buy, archive, or both: what each costs a year, how many people and how much of their spending it puts at risk."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        parameters=[
            OpenApiParameter("basis", str, enum=[str(one) for one in reading.Basis], description="today by default."),
            FOLLOW_UPS,
        ],
        responses=ScalePlanShape,
    )
    def get(self, request: Request) -> Response:
        self.check_query({"basis", "with_follow_ups"})
        try:
            basis = reading.Basis(request.query_params.get("basis", reading.Basis.TODAY.value))
        except ValueError as error:
            raise Invalid({"basis": [_("Say today or forecast.")]}) from error
        return Response(represent(reading.plan(self.actor, basis=basis, with_follow_ups=self.flag("with_follow_ups"))))


class PlanListView(TenantAPIView):
    """Who would be archived first, with the reason; every option's list is a beginning of this one."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        parameters=[FOLLOW_UPS, OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses=PlanCandidateListShape,
    )
    def get(self, request: Request) -> Response:
        require_whole_enterprise(self.actor, "quota.view")
        self.check_query({"with_follow_ups", "page_size", "cursor"})
        size = paging.page_size(request.query_params.get("page_size"))
        now, start = _place(request.query_params.get("cursor"))
        terms = Terms(now, policy().spend_window_days, self.flag("with_follow_ups"))
        found = candidates.listed(terms, start=start, stop=start + size + 1)
        page = paging.Page(
            rows=found[:size],
            next=_cursor(now, start + size) if len(found) > size else None,
            previous=_cursor(now, max(0, start - size)) if start else None,
        )
        known = Contact.objects.in_bulk([one.id for one in page.rows])
        results = [
            _represent_candidate(one, known[one.id], rank, terms)
            for rank, one in enumerate(page.rows, start + 1)
            if one.id in known
        ]
        return self.cursor_list(page, results)


class PlanCarryOutView(TenantAPIView):
    """Archive so many with the least expected loss, as a job that can be undone for 30 days."""

    permissions = {"POST": "contacts.archive"}

    @extend_schema(request=CarryOut, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        asked = CarryOut(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        run = carry_out(self.actor, count=given.pop("archive_count"), **given)
        return Response(JobReference(run).data, status=202)


def _represent_candidate(one: candidates.Candidate, contact: Contact, rank: int, terms: Terms) -> dict[str, Any]:
    return {
        "rank": rank,
        "id": one.id,
        "name": str(contact),
        "grade": contact.grade,
        "spend": one.spend,
        "silent_days": one.silent_days,
        "expected": one.expected,
        "reason": rules.reason(one.spend, one.silent_days, terms.window, one.expected),
    }


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(rules.CENT)


def _cursor(now: datetime, start: int) -> str:
    """The order follows from a moment, so the pages of one list share theirs."""
    return base64.urlsafe_b64encode(f"{now.isoformat()} {start}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[datetime, int]:
    if not cursor:
        return clock.now(), 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        moment, _space, start = text.partition(" ")
        now, place = datetime.fromisoformat(moment), int(start)
        if now.tzinfo is None or not 0 <= place <= 10_000_000:
            raise ValueError(text)
    except (ValueError, binascii.Error) as error:
        raise Invalid({"cursor": [_("This cursor is not one of this list.")]}) from error
    return now, place


urlpatterns = [
    path("quota/plan", PlanView.as_view(), name="quota-plan"),
    path("quota/plan/contacts", PlanListView.as_view(), name="quota-plan-contacts"),
    path("quota/plan/carry-out", PlanCarryOutView.as_view(), name="quota-plan-carry-out"),
]
