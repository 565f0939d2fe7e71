"""REST of the seats (Q17): who occupies the scale, and what of its price falls on whom."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import seats
from enterprises.rest import TenantAPIView
from quota import queries
from quota.ledger import require_whole_enterprise


class SeatsPartShape(serializers.Serializer):
    value = serializers.CharField(help_text="The grade, department id, source or relation; empty for those without.")
    name = serializers.CharField()
    seats = serializers.IntegerField()
    cost = serializers.DecimalField(12, 2, allow_null=True, help_text="CNY a year; null without a package.")


class EmptySeatsShape(serializers.Serializer):
    seats = serializers.IntegerField()
    cost = serializers.DecimalField(12, 2, allow_null=True)


class SeatsShape(serializers.Serializer):
    at = serializers.DateTimeField(help_text="When they were counted: within the last hour, or now.")
    served = serializers.IntegerField()
    price = serializers.DecimalField(12, 2, allow_null=True, help_text="Of the package that runs, CNY a year.")
    tier = serializers.IntegerField(allow_null=True)
    by_grade = SeatsPartShape(many=True)
    by_department = SeatsPartShape(many=True)
    by_source = SeatsPartShape(many=True)
    by_relation = SeatsPartShape(many=True)
    empty = EmptySeatsShape(help_text="Places that are paid for and not taken.")
    archived = serializers.IntegerField(help_text="Not served.")
    lost = serializers.IntegerField(help_text="Not served.")


class SeatsView(TenantAPIView):
    """Who occupies the scale, by grade, department, source and relation, and what that costs."""

    permissions = {"GET": "quota.view"}

    @extend_schema(parameters=[OpenApiParameter("again", bool, description="Count now.")], responses=SeatsShape)
    def get(self, request: Request) -> Response:
        require_whole_enterprise(self.actor, "quota.view")
        self.check_query({"again"})
        found = (None if self.flag("again") else seats.kept()) or seats.count()
        package = queries.running_package(found.at)
        divided = seats.divide(found, package)
        return Response(
            {
                "at": found.at,
                "served": found.served,
                "price": package.price if package else None,
                "tier": package.tier if package else None,
                "by_grade": _parts(divided.grades),
                "by_department": _parts(divided.departments),
                "by_source": _parts(divided.sources),
                "by_relation": _parts(divided.relations),
                "empty": {"seats": divided.empty.seats, "cost": divided.empty.cost},
                "archived": found.archived,
                "lost": found.lost,
            }
        )


def _parts(parts: list[seats.Part]) -> list[dict[str, Any]]:
    return [{"value": one.value, "name": one.name, "seats": one.seats, "cost": one.cost} for one in parts]


urlpatterns = [path("quota/seats", SeatsView.as_view(), name="quota-seats")]
