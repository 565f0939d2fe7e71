"""Team budgets (Q12): the tree with bars, the reserve, and what teams ask of each other."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import NotFound, Refusal
from console.base import Page
from console.departments import tree
from console.forms import attach
from console.listing import Listing
from enterprises.models import Department
from enterprises.rest import get_or_404, reference
from quota import budgets, services
from quota.models import Budget, Loan
from quota.rules import State
from quota.services import loans

COLOURS = {State.BELOW: "is-green", State.AT_CAPACITY: "is-orange", State.OVER: "is-red"}
Departments = list[tuple[UUID, str]]  # with their paths
PLACES: dict[str, Any] = {"min_value": 0, "max_value": services.MOST_PLACES}


class BudgetForm(forms.Form):
    """A budget for a department that has none."""

    department = forms.ChoiceField(label=_("Department"))
    places = forms.IntegerField(label=_("Places"), **PLACES)

    def __init__(self, *args: Any, departments: Departments, taken: set[UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["department"].choices = [  # type: ignore[attr-defined]
            (str(pk), label) for pk, label in departments if pk not in taken
        ]


class SizeForm(forms.Form):
    """Another size of a budget."""

    places = forms.IntegerField(label=_("Places"), **PLACES)


class ReserveForm(forms.Form):
    """The last places of the scale, and who may use them."""

    places = forms.IntegerField(
        label=_("Places kept back"), help_text=_("Everybody else stops this many places before the end."), **PLACES
    )
    departments = forms.MultipleChoiceField(
        label=_("Teams that may use them"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=_("With the teams below. A super admin always may."),
    )
    sources = forms.CharField(
        label=_("Sources that may use them"),
        required=False,
        max_length=1000,
        help_text=_("As they stand at the contacts, with commas between them."),
    )

    def __init__(self, *args: Any, departments: Departments, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["departments"].choices = [  # type: ignore[attr-defined]
            (str(pk), label) for pk, label in departments
        ]

    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        data = self.cleaned_data
        return {
            "places": data["places"],
            "departments": list(Department.objects.filter(pk__in=data["departments"])),
            "sources": [one.strip() for one in data["sources"].replace("，", ",").split(",")],
        }


class BudgetPage(Page):
    """What the pages of budgets share."""

    permission: ClassVar[str | None] = "quota.view"
    template = "console/quota/budgets.html"
    title = _("Team budgets")

    def board(
        self, *, new: forms.BaseForm | None = None, reserve: forms.BaseForm | None = None, status: int = 200
    ) -> HttpResponseBase:
        """The page, with the forms that were not accepted."""
        board = budgets.board(self.actor)
        rows = [{"team": team, "indent": team.level * 24, "colour": COLOURS[team.state]} for team in board.teams]
        context: dict[str, Any] = {"board": board, "rows": rows, "may_set": self.actor.may("quota.budgets")}
        if context["may_set"]:
            departments = tree()
            taken = {team.department.pk for team in board.teams}
            context["form"] = new or BudgetForm(departments=departments, taken=taken)
            context["reserve_form"] = reserve or ReserveForm(
                departments=departments,
                initial={
                    "places": board.account.reserve,
                    "departments": [str(pk) for pk in board.account.reserve_departments],
                    "sources": ", ".join(board.account.reserve_sources),
                },
            )
        context["open_loans"] = budgets.loans_visible_to(self.actor).filter(state=Loan.State.REQUESTED).count()
        return self.render(context, template=self.template, status=status)

    def back(self) -> HttpResponseBase:
        return self.redirect(reverse("budgets", kwargs={"code": self.enterprise.code}))


class Budgets(BudgetPage):
    """The tree, and a form for one more."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.board()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self.actor.require("quota.budgets")
        taken = set(Budget.objects.values_list("department_id", flat=True))
        form = BudgetForm(request.POST, departments=tree(), taken=taken)
        if not form.is_valid():
            return self.board(new=form, status=400)
        try:
            department = reference(Department.objects.all(), form.cleaned_data["department"], "department")
            services.create_budget(self.actor, department=department, places=form.cleaned_data["places"])
        except Refusal as refusal:
            return self.board(new=attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("“%(name)s” has a budget now.") % {"name": department.name})
        return self.back()


class OneBudget(BudgetPage):
    """Another size of a budget."""

    permission = "quota.budgets"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        budget = get_or_404(budgets.visible_to(self.actor), pk)
        form = SizeForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("Enter a number from 0 to 10 000 000."))
            return self.back()
        services.resize_budget(self.actor, budget=budget, places=form.cleaned_data["places"])
        messages.success(request, gettext("The budget of “%(name)s” was saved.") % {"name": budget.department.name})
        return self.back()


class RemoveBudget(BudgetPage):
    """Take a budget away."""

    permission = "quota.budgets"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        budget = get_or_404(budgets.visible_to(self.actor), pk)
        services.remove_budget(self.actor, budget=budget)
        messages.success(request, gettext("“%(name)s” has no budget any more.") % {"name": budget.department.name})
        return self.back()


class Reserve(BudgetPage):
    """Keep places back, or let them go."""

    permission = "quota.budgets"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = ReserveForm(request.POST, departments=tree())
        if not form.is_valid():
            return self.board(reserve=form, status=400)
        try:
            services.set_reserve(self.actor, **form.values())
        except Refusal as refusal:
            return self.board(reserve=attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The reserve was saved."))
        return self.back()


class LoanForm(forms.Form):
    """A request for places."""

    borrower = forms.ChoiceField(label=_("For the team"))
    lender = forms.ChoiceField(
        label=pgettext_lazy("who lends", "From"),
        required=False,
        help_text=_("A team in the same budget, or places that nobody was given."),
    )
    places = forms.IntegerField(label=_("Places"), min_value=1, max_value=services.MOST_PLACES)
    reason = forms.CharField(label=_("Reason"), required=False, max_length=256)

    def __init__(self, *args: Any, borrowers: list[Budget], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [(str(one.pk), one.department.name) for one in borrowers]
        others = Budget.objects.select_related("department").order_by("department__name", "id")
        lenders = [(str(one.pk), one.department.name) for one in others]
        self.fields["borrower"].choices = own  # type: ignore[attr-defined]
        self.fields["lender"].choices = [("", _("Given to nobody")), *lenders]  # type: ignore[attr-defined]


class Loans(Page):
    """What teams asked of each other, and a form to ask."""

    permission = "quota.view"
    template = "console/quota/loans.html"
    title = _("Borrowed places")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = LoanForm(request.POST, borrowers=budgets.borrowers(self.actor))
        if not form.is_valid():
            return self.show(form, status=400)
        values = form.cleaned_data
        try:
            borrower = reference(budgets.visible_to(self.actor), values["borrower"], "borrower")
            lender = reference(budgets.lenders(borrower), values["lender"] or None, "lender")
            services.request_loan(
                self.actor, borrower=borrower, lender=lender, places=values["places"], reason=values["reason"]
            )
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The request is on its way to those who decide."))
        return self.redirect(reverse("loans", kwargs={"code": self.enterprise.code}))

    def show(self, form: forms.BaseForm | None = None, status: int = 200) -> HttpResponseBase:
        borrowers = budgets.borrowers(self.actor)
        listing = Listing(
            self.request,
            budgets.loans_visible_to(self.actor),
            ordering="-requested_at",
            orderings={"requested_at": _("Requested at")},
        )
        context = {
            "listing": listing,
            "rows": [(loan, self.steps(loan)) for loan in listing.rows],
            "form": (form or LoanForm(borrowers=borrowers)) if borrowers else None,
        }
        return self.render(context, status=status)

    def steps(self, loan: Loan) -> dict[str, bool]:
        """What this person can do about a request."""
        speaks, decides = loans.may_speak_for(self.actor, loan.borrower), loans.may_decide(self.actor, loan)
        asked, lent = loan.state == Loan.State.REQUESTED, loan.state == Loan.State.APPROVED
        return {"decide": asked and decides, "withdraw": asked and speaks, "give_back": lent and (speaks or decides)}


class LoanStep(Page):
    """Approve, refuse, withdraw, give back."""

    permission = "quota.view"
    STEPS: ClassVar = {
        "approve": (services.approve_loan, _("The places were lent.")),
        "refuse": (services.refuse_loan, _("The request was refused.")),
        "withdraw": (services.withdraw_loan, _("The request was withdrawn.")),
        "return": (services.return_loan, _("The places were given back.")),
    }

    def post(self, request: HttpRequest, pk: UUID, step: str) -> HttpResponseBase:
        loan = get_or_404(budgets.loans_visible_to(self.actor), pk)
        if step not in self.STEPS:
            raise NotFound()
        service, text = self.STEPS[step]
        answers = {"answer": request.POST.get("answer", "")} if step in ("approve", "refuse") else {}
        service(self.actor, loan=loan, **answers)
        messages.success(request, str(text))
        return self.redirect(reverse("loans", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("scale/budgets/", Budgets.as_view(), name="budgets"),
    path("scale/budgets/reserve/", Reserve.as_view(), name="reserve"),
    path("scale/budgets/loans/", Loans.as_view(), name="loans"),
    path("scale/budgets/loans/<uuid:pk>/<str:step>/", LoanStep.as_view(), name="loan-step"),
    path("scale/budgets/<uuid:pk>/", OneBudget.as_view(), name="budget"),
    path("scale/budgets/<uuid:pk>/remove/", RemoveBudget.as_view(), name="budget-remove"),
]
