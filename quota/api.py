"""REST of the scale: how it stands, packages, prices, the ledger, WeCom's number."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.rest import Body, Instant
from enterprises.api.shapes import PAGING, Moment, filters, page_of
from enterprises.rest import TenantAPIView
from enterprises.services import zone
from quota import budget_api, forecast_api, ledger, queries, rules, services
from quota.models import Alert, LedgerEntry, Package, TierPrice

# --- Shapes -----------------------------------------------------------------------------------------------


class RemedyShape(serializers.Serializer):
    kind = serializers.ChoiceField(["archive", "buy", "renew", "verify"])
    count = serializers.IntegerField(required=False, help_text="archive: how many.")
    package = serializers.ChoiceField(["purchase", "upgrade"], required=False, help_text="buy: as what.")
    tiers = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="buy, renew.")
    opens_at = serializers.DateTimeField(required=False, help_text="renew: from when.")
    closes_at = serializers.DateTimeField(required=False, help_text="renew: until when.")
    capacity = serializers.IntegerField(required=False, help_text="verify: the capacity it gives.")


class DecisionShape(serializers.Serializer):
    allowed = serializers.BooleanField()
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    remedies = RemedyShape(many=True)


ActionsShape = type("ActionsShape", (serializers.Serializer,), {str(a): DecisionShape() for a in queries.GUARDED})


class PackageShape(serializers.Serializer):
    id = serializers.UUIDField()
    tier = serializers.IntegerField()
    kind = serializers.ChoiceField(rules.PackageKind.choices())
    price = serializers.DecimalField(12, 2)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    order_no = serializers.CharField()


class PlatformShape(serializers.Serializer):
    served = serializers.IntegerField()
    at = serializers.DateTimeField()
    difference = serializers.IntegerField(help_text="WeCom's number less ours.")


class RenewalShape(serializers.Serializer):
    open = serializers.BooleanField()
    opens_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)
    min_tier = serializers.IntegerField(allow_null=True)
    tiers = serializers.ListField(child=serializers.IntegerField())


class ExpiryShape(serializers.Serializer):
    at = serializers.DateTimeField()
    capacity = serializers.IntegerField(help_text="What remains then.")
    state = serializers.ChoiceField(rules.State.choices())
    stops = serializers.ListField(child=serializers.ChoiceField([str(a) for a in queries.GUARDED]))
    remedies = RemedyShape(many=True)


class QuotaShape(serializers.Serializer):
    verified = serializers.BooleanField()
    served = serializers.IntegerField()
    capacity = serializers.IntegerField()
    state = serializers.ChoiceField(rules.State.choices())
    platform = PlatformShape(allow_null=True)
    packages = PackageShape(many=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    renewal = RenewalShape()
    expiry = ExpiryShape(allow_null=True)
    actions = ActionsShape()


class NewPackage(Body):
    tier = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    kind = serializers.ChoiceField(rules.PackageKind.choices())
    order_no = serializers.CharField(max_length=64, required=False, allow_blank=True)


class PlatformReport(Body):
    served = serializers.IntegerField(min_value=0, max_value=services.MOST_SERVED)
    at = Instant(required=False, help_text="When WeCom showed it; now when left out.")


class PriceShape(serializers.Serializer):
    tier = serializers.IntegerField()
    price = serializers.DecimalField(12, 2, help_text="CNY a year.")
    effective_from = serializers.DateField()


class PricesShape(serializers.Serializer):
    results = PriceShape(many=True)


class LedgerName(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


class LedgerShape(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts the entries in the order of happening.")
    at = serializers.DateTimeField()
    delta = serializers.ChoiceField([1, -1])
    served_after = serializers.IntegerField()
    reason = serializers.ChoiceField(LedgerEntry.Reason.choices)
    contact = LedgerName()
    actor = LedgerName()
    job = serializers.UUIDField(allow_null=True)


def represent_package(package: Package) -> dict[str, Any]:
    """A package as API.md shows it."""
    return {
        "id": package.pk,
        "tier": package.tier,
        "kind": package.kind,
        "price": package.price,
        "starts_at": package.starts_at,
        "ends_at": package.ends_at,
        "order_no": package.order_no,
    }


def represent_entry(entry: LedgerEntry) -> dict[str, Any]:
    """An entry of the ledger as API.md shows it."""
    return {
        "number": entry.number,
        "at": entry.at,
        "delta": entry.delta,
        "served_after": entry.served_after,
        "reason": entry.reason,
        "contact": {"id": entry.contact_id, "name": entry.contact_label},
        "actor": {"id": entry.actor_id, "name": entry.actor_label},
        "job": entry.job_id,
    }


def represent_platform(view: queries.Overview) -> dict[str, Any] | None:
    """WeCom's number beside ours (Q2)."""
    if view.account.platform_served is None:
        return None
    return {
        "served": view.account.platform_served,
        "at": view.account.platform_at,
        "difference": view.difference,
    }


def represent(view: queries.Overview) -> dict[str, Any]:
    """The scale as API.md shows it."""
    renewal, expiry = view.renewal, view.expiry
    return {
        "verified": view.position.verified,
        "served": view.position.served,
        "capacity": view.position.capacity,
        "state": str(view.position.state),
        "platform": represent_platform(view),
        "packages": [represent_package(package) for package in view.packages],
        "valid_until": view.valid_until,
        "renewal": {
            "open": renewal.open,
            "opens_at": renewal.opens_at,
            "closes_at": renewal.closes_at,
            "min_tier": renewal.min_tier,
            "tiers": list(renewal.tiers),
        },
        "expiry": expiry
        and {
            "at": expiry.lapse.at,
            "capacity": expiry.lapse.capacity,
            "state": str(expiry.lapse.state),
            "stops": [str(action) for action in expiry.stops],
            "remedies": [remedy.as_dict() for remedy in expiry.lapse.remedies],
        },
        "actions": {str(action): decision.as_dict() for action, decision in view.decisions.items()},
    }


# --- Views ------------------------------------------------------------------------------------------------


class QuotaView(TenantAPIView):
    """How the scale stands, what that stops, and what would help."""

    permissions = {"GET": "quota.view"}

    @extend_schema(responses=QuotaShape)
    def get(self, request: Request) -> Response:
        return Response(represent(queries.overview(self.actor.enterprise)))


class PackagesView(TenantAPIView):
    """The packages of the enterprise; record a bought one."""

    permissions = {"GET": "quota.view", "POST": "quota.buy"}

    @extend_schema(parameters=filters(), responses=page_of(PackageShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        return self.page(
            Package.objects.all(), represent_package, orderings=("starts_at", "ends_at"), default="-starts_at"
        )

    @extend_schema(request=NewPackage, responses={201: PackageShape})
    def post(self, request: Request) -> Response:
        asked = NewPackage(data=request.data)
        asked.is_valid(raise_exception=True)
        package = services.buy_package(self.actor, **asked.validated_data)
        return Response(represent_package(package), status=201)


class PricesView(TenantAPIView):
    """What the tiers cost today."""

    permissions = {"GET": "quota.view"}

    @extend_schema(responses=PricesShape)
    def get(self, request: Request) -> Response:
        day = queries.today(self.actor.enterprise, clock.now())
        return Response({"results": [_represent_price(row) for row in queries.prices(day).values()]})


class PlatformView(TenantAPIView):
    """Type in the number that WeCom shows (Q2)."""

    permissions = {"PUT": "quota.buy"}

    @extend_schema(request=PlatformReport, responses=PlatformShape)
    def put(self, request: Request) -> Response:
        asked = PlatformReport(data=request.data)
        asked.is_valid(raise_exception=True)
        services.record_platform_served(self.actor, **asked.validated_data)
        return Response(represent_platform(queries.overview(self.actor.enterprise)))


_FILTERS = [
    OpenApiParameter("reason", str, enum=LedgerEntry.Reason.values),
    OpenApiParameter("from", str, description="A moment, or a day of the enterprise; inclusive."),
    OpenApiParameter("to", str, description="A moment (exclusive), or a day of the enterprise (included)."),
    OpenApiParameter("contact", {"type": "string", "format": "uuid"}, description="The contact's id."),
    *PAGING,
]


class LedgerView(TenantAPIView):
    """Every place taken and given back, newest first (Q14). For roles that see the whole enterprise."""

    permissions = {"GET": "quota.ledger"}

    @extend_schema(parameters=_FILTERS, responses=page_of(LedgerShape))
    def get(self, request: Request) -> Response:
        ledger.require_whole_enterprise(self.actor, "quota.ledger")
        self.check_query(ledger.FILTERS)
        wanted = ledger.LedgerFilter.parse(request.query_params, zone(self.actor.enterprise))
        return self.page(wanted.entries(), represent_entry, orderings=("number",), default="-number")


class AlertShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(rules.AlertKind.choices())
    threshold = serializers.IntegerField(help_text="usage, budget: percent; expiry: days before; over: 0.")
    subject = serializers.CharField(help_text="expiry: when capacity is lost; budget: its id; else empty.")
    served = serializers.IntegerField(help_text="At the crossing.")
    capacity = serializers.IntegerField(help_text="At the crossing; before an expiry: what will remain.")
    raised_at = Moment()
    cleared_at = Moment(allow_null=True, help_text="Null while it stands.")


class AlertsView(TenantAPIView):
    """Lines that were crossed, newest first: shares of the scale, and days before capacity is lost (Q13)."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        operation_id="quota_alerts_list",
        parameters=[*filters(), OpenApiParameter("open", bool, description="Only those that stand.")],
        responses=page_of(AlertShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(("open",))
        rows = Alert.objects.filter(cleared_at=None) if self.flag("open") else Alert.objects.all()
        return self.page(rows, lambda row: AlertShape(row).data, orderings=("raised_at",), default="-raised_at")


def _represent_price(row: TierPrice) -> dict[str, Any]:
    return {"tier": row.tier, "price": row.price, "effective_from": row.effective_from}


urlpatterns = [
    path("quota", QuotaView.as_view(), name="quota"),
    path("quota/packages", PackagesView.as_view(), name="quota-packages"),
    path("quota/prices", PricesView.as_view(), name="quota-prices"),
    path("quota/platform", PlatformView.as_view(), name="quota-platform"),
    path("quota/ledger", LedgerView.as_view(), name="quota-ledger"),
    path("quota/alerts", AlertsView.as_view(), name="quota-alerts"),
    *forecast_api.urlpatterns,
    *budget_api.urlpatterns,
]
