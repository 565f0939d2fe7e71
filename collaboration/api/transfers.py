"""REST: hand-over of contacts and groups, the pool of what people left behind, saved plans (O6, O7, O8)."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from collaboration.api import transfer_shapes as shapes
from collaboration.models import Transfer
from collaboration.queries import transfers as queries
from collaboration.queries.pool import pool
from collaboration.rules.transfers import OF_ONES_OWN, OF_OTHERS, Kind, State
from collaboration.services import transfers as services
from common.rest import Body
from enterprises.api.shapes import filters, page_of
from enterprises.models import Department, Member
from enterprises.rest import TenantAPIView, get_or_404, reference


class TransferView(TenantAPIView):
    """What the views of hand-overs share."""

    permissions = {"GET": OF_ONES_OWN, "POST": OF_ONES_OWN}

    def read(self, shape: type[Body]) -> dict[str, Any]:
        """The body, checked."""
        body = shape(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def transfer(self, pk: UUID) -> Transfer:
        """A hand-over that the caller sees."""
        return queries.as_seen(self.actor, [get_or_404(queries.transfers(self.actor), pk)])[0]

    def order(self) -> dict[str, Any]:
        """The body of an order or its preview, as the service takes it."""
        data = self.read(shapes.OrderBody)
        data["member"] = reference(Member.objects.select_related("role"), data.get("member"), "member")
        return data


class TransfersView(TransferView):
    """Hand-overs, newest first: those of members whom the caller manages, and one's own. Of several members' whom one
    manages in part, the numbers are those of one's own people. POST orders one: of all that a member has, or of chosen
    contacts of their owners."""

    @extend_schema(
        operation_id="transfers_list",
        parameters=[
            *filters(member="Whose contacts: a member's id."),
            OpenApiParameter("kind", str, enum=list(Kind)),
            OpenApiParameter("finished", bool, description="Only ended ones, or only those where something waits."),
        ],
        responses=page_of(shapes.TransferShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.FILTERS)
        found = queries.transfers(self.actor, request.query_params.dict())
        return self.page(
            found,
            shapes.represent,
            orderings=("created_at",),
            default="-created_at",
            prepare=lambda page: queries.as_seen(self.actor, page),
        )

    @extend_schema(operation_id="transfers_create", request=shapes.OrderBody, responses={201: shapes.TransferShape})
    def post(self, request: Request) -> Response:
        return Response(shapes.represent(services.order(self.actor, **self.order())), status=201)


class TransferPreviewView(TransferView):
    """What an order would do, in numbers; changes nothing."""

    @extend_schema(operation_id="transfers_preview", request=shapes.OrderBody, responses=shapes.PreviewShape)
    def post(self, request: Request) -> Response:
        return Response(shapes.represent_preview(services.preview(self.actor, **self.order())))


class OneTransferView(TransferView):
    """A hand-over and how far it is."""

    @extend_schema(operation_id="transfers_retrieve", responses=shapes.TransferShape)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(shapes.represent(self.transfer(pk)))


class TransferItemsView(TransferView):
    """The contacts and groups of a hand-over, each with its state."""

    @extend_schema(
        operation_id="transfers_items",
        parameters=[*filters(taker="A member's id."), OpenApiParameter("state", str, enum=list(State))],
        responses=page_of(shapes.ItemShape),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        transfer = self.transfer(pk)
        self.check_query(queries.ITEM_FILTERS)
        found = queries.items(self.actor, transfer, request.query_params.dict())
        return self.page(found, shapes.represent_item, orderings=("id",), default="id")


class TransferRetryView(TransferView):
    """Try again what failed, was declined or found its taker full; to somebody else if you like."""

    @extend_schema(operation_id="transfers_retry", request=shapes.AgainBody, responses=shapes.TransferShape)
    def post(self, request: Request, pk: UUID) -> Response:
        transfer = self.transfer(pk)
        data = self.read(shapes.AgainBody)
        taker = reference(Member.objects.all(), data.get("taker"), "taker")
        transfer = services.try_again(self.actor, transfer=transfer, taker=taker, items=data.get("items"))
        return Response(shapes.represent(transfer))


class TransferCancelView(TransferView):
    """Call off what still waits."""

    @extend_schema(operation_id="transfers_cancel", request=None, responses=shapes.TransferShape)
    def post(self, request: Request, pk: UUID) -> Response:
        return Response(shapes.represent(services.cancel(self.actor, transfer=self.transfer(pk))))


class AdminsView(TransferView):
    """What only those do who hand over what others have."""

    permissions = {"GET": OF_OTHERS, "POST": OF_OTHERS, "DELETE": OF_OTHERS}


class TransferResultsView(AdminsView):
    """Record what came of waiting contacts, such as one that declined. The same report again changes nothing."""

    @extend_schema(operation_id="transfers_results", request=shapes.ResultsBody, responses=shapes.RecordedShape)
    def post(self, request: Request, pk: UUID) -> Response:
        transfer = self.transfer(pk)
        results = [
            services.Result(result["item"], State(result["state"]))
            for result in self.read(shapes.ResultsBody)["results"]
        ]
        return Response({"recorded": services.report_results(self.actor, transfer=transfer, results=results)})


class PoolView(AdminsView):
    """Who left, and what of theirs waits for a successor."""

    @extend_schema(operation_id="transfers_pool", responses=shapes.PoolShape)
    def get(self, request: Request) -> Response:
        return Response({"results": [shapes.represent_leaver(leaver) for leaver in pool(self.actor)]})


class RulesView(AdminsView):
    """Plans that run by themselves when somebody leaves; POST saves the one of a department."""

    @extend_schema(operation_id="transfers_rules", responses=shapes.RulesShape)
    def get(self, request: Request) -> Response:
        return Response({"results": [shapes.represent_rule(rule) for rule in queries.rules(self.actor)]})

    @extend_schema(operation_id="transfers_rules_save", request=shapes.RuleBody, responses=shapes.RuleShape)
    def post(self, request: Request) -> Response:
        data = self.read(shapes.RuleBody)
        data["department"] = reference(Department.objects.all(), data["department"], "department")
        return Response(shapes.represent_rule(services.save_rule(self.actor, **data)))


class RuleView(AdminsView):
    """Delete a saved plan."""

    @extend_schema(operation_id="transfers_rules_delete", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        services.delete_rule(self.actor, rule=get_or_404(queries.rules(self.actor), pk))
        return Response(status=204)


urlpatterns = [
    path("transfers", TransfersView.as_view(), name="api-transfers"),
    path("transfers/preview", TransferPreviewView.as_view(), name="api-transfers-preview"),
    path("transfers/pool", PoolView.as_view(), name="api-transfers-pool"),
    path("transfers/rules", RulesView.as_view(), name="api-transfers-rules"),
    path("transfers/rules/<uuid:pk>", RuleView.as_view(), name="api-transfers-rule"),
    path("transfers/<uuid:pk>", OneTransferView.as_view(), name="api-transfer"),
    path("transfers/<uuid:pk>/items", TransferItemsView.as_view(), name="api-transfer-items"),
    path("transfers/<uuid:pk>/retry", TransferRetryView.as_view(), name="api-transfer-retry"),
    path("transfers/<uuid:pk>/cancel", TransferCancelView.as_view(), name="api-transfer-cancel"),
    path("transfers/<uuid:pk>/results", TransferResultsView.as_view(), name="api-transfer-results"),
]
