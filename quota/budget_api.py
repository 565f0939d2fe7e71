"""REST of team budgets (Q12): the tree, the reserve, and borrowing."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises.api.shapes import Named, filters, page_of
from enterprises.models import Department
from enterprises.rest import TenantAPIView, check_version, etag, get_or_404, reference
from quota import budgets, rules, services
from quota.models import Budget, Loan

# --- Shapes -----------------------------------------------------------------------------------------------


class BudgetShape(serializers.Serializer):
    id = serializers.UUIDField()
    department = Named()
    parent = serializers.UUIDField(allow_null=True, help_text="The budget that it lies in; null: the scale itself.")
    places = serializers.IntegerField()
    served = serializers.IntegerField(help_text="Served contacts of owners in the department, subtree included.")
    room = serializers.IntegerField(help_text="Places that can be taken now: the smallest room of all above.")
    allocated = serializers.IntegerField(help_text="Places given to the budgets directly inside.")
    state = serializers.ChoiceField(rules.State.choices())
    version = serializers.IntegerField()


class ReserveShape(serializers.Serializer):
    places = serializers.IntegerField()
    departments = Named(many=True, help_text="Teams whose contacts may use it, subtrees included.")
    sources = serializers.ListField(child=serializers.CharField())


class BudgetsShape(serializers.Serializer):
    capacity = serializers.IntegerField()
    served = serializers.IntegerField()
    allocated = serializers.IntegerField(help_text="Places given to the outermost budgets.")
    unassigned = serializers.IntegerField(help_text="Capacity less allocated; negative when more is given than is.")
    over_committed = serializers.IntegerField(help_text="How much more is given than the scale has.")
    reserve = ReserveShape()
    results = BudgetShape(many=True)


class NewBudget(Body):
    department = serializers.UUIDField()
    places = serializers.IntegerField(min_value=0, max_value=services.MOST_PLACES)


class BudgetSize(Body):
    places = serializers.IntegerField(min_value=0, max_value=services.MOST_PLACES)


class ReserveBody(Body):
    places = serializers.IntegerField(min_value=0, max_value=services.MOST_PLACES)
    departments = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    sources = serializers.ListField(child=serializers.CharField(max_length=32), required=False, max_length=50)


class LoanShape(serializers.Serializer):
    id = serializers.UUIDField()
    borrower = Named(help_text="The budget (id) and department (name) that asks.")
    lender = Named(allow_null=True, help_text="Null: what is given to no team.")
    places = serializers.IntegerField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(Loan.State.choices)
    requested_by = Named(allow_null=True)
    requested_at = serializers.DateTimeField()
    decided_by = Named(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField()
    returned_at = serializers.DateTimeField(allow_null=True)


class NewLoan(Body):
    borrower = serializers.UUIDField(help_text="The id of the team's budget.")
    lender = serializers.UUIDField(required=False, allow_null=True, help_text="A budget beside it; null: nobody's.")
    places = serializers.IntegerField(min_value=1, max_value=services.MOST_PLACES)
    reason = serializers.CharField(max_length=256, required=False, allow_blank=True)


class LoanAnswer(Body):
    answer = serializers.CharField(max_length=256, required=False, allow_blank=True)


def represent_team(team: budgets.Team) -> dict[str, Any]:
    """A budget and how it stands."""
    return {
        "id": team.budget.pk,
        "department": {"id": team.department.pk, "name": team.department.name},
        "parent": team.parent,
        "places": team.places,
        "served": team.served,
        "room": team.room,
        "allocated": team.allocated,
        "state": str(team.state),
        "version": team.budget.version,
    }


def represent_reserve(board: budgets.Board) -> dict[str, Any]:
    """The places kept back, and for whom."""
    return {
        "places": board.account.reserve,
        "departments": [{"id": one.pk, "name": one.name} for one in board.reserve_departments],
        "sources": board.account.reserve_sources,
    }


def represent_loan(loan: Loan) -> dict[str, Any]:
    """A request for places and what became of it."""
    return {
        "id": loan.pk,
        "borrower": {"id": loan.borrower_id, "name": loan.borrower.department.name},
        "lender": loan.lender and {"id": loan.lender_id, "name": loan.lender.department.name},
        "places": loan.places,
        "reason": loan.reason,
        "state": loan.state,
        "requested_by": loan.requested_by and {"id": loan.requested_by_id, "name": loan.requested_by.name},
        "requested_at": loan.requested_at,
        "decided_by": loan.decided_by and {"id": loan.decided_by_id, "name": loan.decided_by.name},
        "decided_at": loan.decided_at,
        "answer": loan.answer,
        "returned_at": loan.returned_at,
    }


# --- Views ------------------------------------------------------------------------------------------------


class BudgetsView(TenantAPIView):
    """The budgets of teams, as far as one may see them, and what they divide."""

    permissions = {"GET": "quota.view", "POST": "quota.budgets"}

    @extend_schema(responses=BudgetsShape)
    def get(self, request: Request) -> Response:
        board = budgets.board(self.actor)
        body = {
            "capacity": board.capacity,
            "served": board.served,
            "allocated": board.allocated,
            "unassigned": board.unassigned,
            "over_committed": board.over_committed,
            "reserve": represent_reserve(board),
            "results": [represent_team(team) for team in board.teams],
        }
        return Response(body)

    @extend_schema(request=NewBudget, responses={201: BudgetShape})
    def post(self, request: Request) -> Response:
        asked = NewBudget(data=request.data)
        asked.is_valid(raise_exception=True)
        department = reference(Department.objects.all(), asked.validated_data["department"], "department")
        budget = services.create_budget(self.actor, department=department, places=asked.validated_data["places"])
        return _answer(self, budget, status=201)


class BudgetView(TenantAPIView):
    """One budget."""

    permissions = {"GET": "quota.view", "PATCH": "quota.budgets", "DELETE": "quota.budgets"}

    @extend_schema(responses=BudgetShape)
    def get(self, request: Request, pk: str) -> Response:
        return _answer(self, get_or_404(budgets.visible_to(self.actor), pk))

    @extend_schema(request=BudgetSize, responses=BudgetShape)
    def patch(self, request: Request, pk: str) -> Response:
        budget = get_or_404(budgets.visible_to(self.actor), pk)
        asked = BudgetSize(data=request.data)
        asked.is_valid(raise_exception=True)
        services.lock_account()
        check_version(request, budget)
        return _answer(self, services.resize_budget(self.actor, budget=budget, **asked.validated_data))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        budget = get_or_404(budgets.visible_to(self.actor), pk)
        services.lock_account()
        check_version(request, budget)
        services.remove_budget(self.actor, budget=budget)
        return Response(status=204)


class ReserveView(TenantAPIView):
    """The last places of the scale, kept for chosen teams and sources."""

    permissions = {"GET": "quota.view", "PUT": "quota.budgets"}

    @extend_schema(responses=ReserveShape)
    def get(self, request: Request) -> Response:
        return Response(represent_reserve(budgets.board(self.actor)))

    @extend_schema(request=ReserveBody, responses=ReserveShape)
    def put(self, request: Request) -> Response:
        asked = ReserveBody(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        named = values.pop("departments", [])
        departments = [reference(Department.objects.all(), pk, "departments") for pk in named]
        services.set_reserve(self.actor, departments=departments, **values)
        return Response(represent_reserve(budgets.board(self.actor)))


class LoansView(TenantAPIView):
    """What teams asked of each other."""

    permissions = {"GET": "quota.view", "POST": "quota.view"}

    @extend_schema(parameters=filters(), responses=page_of(LoanShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        return self.page(
            budgets.loans_visible_to(self.actor),
            represent_loan,
            orderings=("requested_at",),
            default="-requested_at",
        )

    @extend_schema(request=NewLoan, responses={201: LoanShape})
    def post(self, request: Request) -> Response:
        asked = NewLoan(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        borrower = reference(budgets.visible_to(self.actor), values.pop("borrower"), "borrower")
        lender = reference(budgets.lenders(borrower), values.pop("lender", None), "lender")
        loan = services.request_loan(self.actor, borrower=borrower, lender=lender, **values)
        return Response(represent_loan(loan), status=201)


class LoanStepView(TenantAPIView):
    """Settle a request: approve, refuse, withdraw, return."""

    permissions = {"POST": "quota.view"}
    step: ClassVar[Callable[..., Loan]]
    answers: ClassVar[bool] = False

    @extend_schema(request=LoanAnswer, responses=LoanShape)
    def post(self, request: Request, pk: str) -> Response:
        loan = get_or_404(budgets.loans_visible_to(self.actor), pk)
        asked = LoanAnswer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(represent_loan(type(self).step(self.actor, loan=loan, **self._given(asked.validated_data))))

    def _given(self, values: dict[str, Any]) -> dict[str, Any]:
        return dict(values) if self.answers else {}


class ApproveLoanView(LoanStepView):
    """Give the places."""

    step = services.approve_loan
    answers = True


class RefuseLoanView(LoanStepView):
    """Say no."""

    step = services.refuse_loan
    answers = True


class WithdrawLoanView(LoanStepView):
    """Take the request back."""

    step = services.withdraw_loan


class ReturnLoanView(LoanStepView):
    """Give the places back."""

    step = services.return_loan


def _answer(view: TenantAPIView, budget: Budget, status: int = 200) -> Response:
    team = next(one for one in budgets.board(view.actor).teams if one.budget.pk == budget.pk)
    return etag(Response(represent_team(team), status=status), team.budget.version)


urlpatterns = [
    path("quota/budgets", BudgetsView.as_view(), name="quota-budgets"),
    path("quota/budgets/<str:pk>", BudgetView.as_view(), name="quota-budget"),
    path("quota/reserve", ReserveView.as_view(), name="quota-reserve"),
    path("quota/loans", LoansView.as_view(), name="quota-loans"),
    path("quota/loans/<str:pk>/approve", ApproveLoanView.as_view(), name="quota-loan-approve"),
    path("quota/loans/<str:pk>/refuse", RefuseLoanView.as_view(), name="quota-loan-refuse"),
    path("quota/loans/<str:pk>/withdraw", WithdrawLoanView.as_view(), name="quota-loan-withdraw"),
    path("quota/loans/<str:pk>/return", ReturnLoanView.as_view(), name="quota-loan-return"),
]
