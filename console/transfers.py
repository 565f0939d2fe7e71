"""Hand-over (交接继承): the pool, the planner, what is under way, and plans that run by themselves (O6, O7, O8)."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from collaboration.models import Transfer
from collaboration.queries import transfers as queries
from collaboration.queries.pool import pool
from collaboration.rules.transfers import OF_ONES_OWN, OF_OTHERS, State
from collaboration.services import transfers as services
from collaboration.services.transfers.orders import JOB
from common.errors import NotFound, Refusal
from common.ids import parse_uuid
from console.base import Page, stop_polling
from console.contact_forms import member_choices
from console.forms import attach
from console.hand_over import MessageForm
from console.listing import Listing
from console.transfer_plan import PlanForm, describe
from enterprises.authority import department_choices
from enterprises.models import Member
from enterprises.rest import get_or_404
from enterprises.services import policy
from jobs.models import JobRun
from quota import queries as quota
from quota.rules import Action

COLOURS = {"done": "green", "waiting": "blue", "refused": "orange", "taker_full": "yellow", "failed": "red"}


class Transfers(Page):
    """What waits for a plan, what is under way, what is done."""

    permission = OF_ONES_OWN
    template = "console/transfers/list.html"
    title = _("Hand-over")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        tabs = {"pool": _("To be assigned"), "open": _("Under way"), "finished": _("Finished")}
        assigns = self.actor.may(OF_OTHERS)
        if not assigns:
            del tabs["pool"]
        asked = request.GET.get("tab", "")
        tab = asked if asked in tabs else next(iter(tabs))
        context: dict[str, Any] = {
            "tab": tab,
            "tabs": tabs,
            "assigns": assigns,
            "under_way": Transfer.objects.visible_to(self.actor).filter(finished_at=None).count(),
            "members": member_choices(self.actor) if assigns else [],
            "decision": quota.decide(self.enterprise, Action.INHERIT_RESIGNED),
            "warn_days": policy().pool_warn_days,
        }
        if tab == "pool":
            context["leavers"] = pool(self.actor)
        else:
            found = queries.transfers(self.actor, {"finished": "true" if tab == "finished" else "false"})
            context["listing"] = Listing(request, found, ordering="-created_at", orderings=("created_at",))
            queries.as_seen(self.actor, context["listing"].rows)
        return self.render(context)


class Planner(Page):
    """Choose who gets what; see it in numbers; order it. The choice stands in the address."""

    permission = OF_OTHERS
    template = "console/transfers/plan.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        member = self._member()
        return self._show(member, PlanForm(request.GET, self.actor, member=member))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        member = self._member()
        form, words = PlanForm(request.POST, self.actor, member=member, sent=True), MessageForm(request.POST)
        if not (form.is_valid() and words.is_valid()):
            return self._show(member, form, words, status=400)
        try:
            transfer = services.order(
                self.actor, member=member, plan=form.plan(), message=words.cleaned_data["message"]
            )
        except Refusal as refusal:
            return self._show(member, attach(form, refusal), words, status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The hand-over has started. You may leave this page."))
        return self.redirect(reverse("transfer", kwargs={"code": self.enterprise.code, "pk": transfer.pk}))

    def _member(self) -> Member:
        members = Member.objects.select_related("department").exclude(status=Member.Status.DISABLED)
        member: Member = get_or_404(members, self.request.GET.get("member", ""))
        self.title = _("Hand over what %(name)s has") % {"name": member.name}
        return member

    def _show(
        self, member: Member, form: PlanForm, words: MessageForm | None = None, status: int = 200
    ) -> HttpResponseBase:
        found = None
        if form.answered and form.is_valid():
            try:
                found = services.preview(self.actor, member=member, plan=form.plan())
            except Refusal as refusal:
                attach(form, refusal)
                status = refusal.status
        resigned = member.status == Member.Status.RESIGNED
        context: dict[str, Any] = {
            "member": member,
            "resigned": resigned,
            "form": form,
            "words": words or MessageForm(),
            "preview": found,
            "policy": policy(),
        }
        if resigned:
            context["decision"] = quota.decide(self.enterprise, Action.INHERIT_RESIGNED)
        return self.render(context, status=status)


class TransferPage(Page):
    """The base of everything about one hand-over."""

    permission: ClassVar[str | None] = OF_ONES_OWN

    def transfer(self, pk: UUID) -> Transfer:
        """A hand-over that the actor sees."""
        return queries.as_seen(self.actor, [get_or_404(queries.transfers(self.actor), pk)])[0]

    def back(self, transfer: Transfer) -> HttpResponseBase:
        """To its page."""
        return self.redirect(reverse("transfer", kwargs={"code": self.enterprise.code, "pk": transfer.pk}))


class OneTransfer(TransferPage):
    """One hand-over: how far it is, and each contact with its state. POST tries the failed ones again."""

    template = "console/transfers/transfer.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        transfer = self.transfer(pk)
        self.title = _("Hand-over of %(name)s") % {"name": transfer}
        run = JobRun.objects.open().filter(name=JOB, params__transfer=str(transfer.pk)).first()
        context: dict[str, Any] = {"transfer": transfer, "running": run is not None}
        context["states"] = [
            (state, COLOURS[state.value], transfer.contacts.get(state.value, 0) + transfer.groups.get(state.value, 0))
            for state in State
        ]
        context["total"] = transfer.number() + sum(transfer.groups.values())
        if request.htmx:  # type: ignore[attr-defined]
            response = self.render(context, template=f"{self.template}#progress")
            return response if run else stop_polling(response)
        state = request.GET.get("state", "")
        wanted = {"state": state} if state in list(State) else {}
        listing = Listing(request, queries.items(self.actor, transfer, wanted), ordering="id")
        theirs = queries.concerning(self.actor, [transfer])
        shares = theirs.order_by().values_list("taker__name").annotate(number=Count("*"))
        context |= {
            "listing": listing,
            "state": state,
            "plan": describe(transfer.plan),
            "shares": sorted(shares, key=lambda one: (-one[1], one[0])),
            "members": member_choices(self.actor),
            "assigns": self.actor.may(OF_OTHERS),
            "answers": queries.answers_for(self.actor, transfer),
        }
        return self.render(context)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        transfer = self.transfer(pk)
        taker = None
        if given := request.POST.get("taker"):
            taker = get_or_404(Member.objects.all(), given)
        services.try_again(self.actor, transfer=transfer, taker=taker)
        messages.success(request, _("Tried again. You may leave this page."))
        return self.back(transfer)


class TransferCancel(TransferPage):
    """Call off what still waits."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        transfer = services.cancel(self.actor, transfer=self.transfer(pk))
        messages.success(request, _("What was still waiting was called off."))
        return self.back(transfer)


class TransferDecline(TransferPage):
    """A contact declined: it stays where it is."""

    permission = OF_OTHERS

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        transfer = self.transfer(pk)
        item = get_or_404(queries.items(self.actor, transfer), parse_uuid(request.POST.get("item", "")) or "")
        services.report_results(self.actor, transfer=transfer, results=[services.Result(item.pk, State.REFUSED)])
        messages.success(request, _("Noted: the contact declined and stays with %(name)s.") % {"name": transfer})
        return self.back(transfer)


class Rules(Page):
    """Plans that run by themselves when somebody leaves."""

    permission = OF_OTHERS
    template = "console/transfers/rules.html"
    title = _("Inheritance rules")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show(PlanForm(request.GET, self.actor))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = PlanForm(request.POST, self.actor, sent=True)
        if not form.is_valid():
            return self._show(form, status=400)
        wanted = request.POST.get("leaves_from", "")
        department = next((one for one in department_choices(self.actor) if str(one.pk) == wanted), None)
        if wanted and department is None:
            raise NotFound()
        try:
            services.save_rule(self.actor, department=department, plan=form.plan())
        except Refusal as refusal:
            return self._show(attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The rule is saved. It runs when somebody leaves."))
        return self.redirect(request.path)

    def _show(self, form: PlanForm, status: int = 200) -> HttpResponseBase:
        rules = list(queries.rules(self.actor))
        context = {
            "form": form,
            "rules": [(rule, describe(rule.plan)) for rule in rules],
            "departments": department_choices(self.actor),
            "everywhere": self.actor.member is None or self.actor.member.role.scope == "all",
            "leaves_from": self.request.POST.get("leaves_from") or self.request.GET.get("leaves_from", ""),
        }
        return self.render(context, status=status)


class RuleDelete(Page):
    """Delete a saved plan."""

    permission = OF_OTHERS

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        services.delete_rule(self.actor, rule=get_or_404(queries.rules(self.actor), pk))
        messages.success(request, _("The rule is deleted."))
        return self.redirect(reverse("transfer-rules", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("transfers/", Transfers.as_view(), name="transfers"),
    path("transfers/plan/", Planner.as_view(), name="transfer-plan"),
    path("transfers/rules/", Rules.as_view(), name="transfer-rules"),
    path("transfers/rules/<uuid:pk>/delete/", RuleDelete.as_view(), name="transfer-rule-delete"),
    path("transfers/<uuid:pk>/", OneTransfer.as_view(), name="transfer"),
    path("transfers/<uuid:pk>/cancel/", TransferCancel.as_view(), name="transfer-cancel"),
    path("transfers/<uuid:pk>/decline/", TransferDecline.as_view(), name="transfer-decline"),
]
