"""Tag rules: the list with what is wrong between them, a form that is tried before it is saved, and the tag report."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.charts import bars
from console.contact_forms import member_choices
from console.forms import attach, typed
from console.imports import job_address
from contacts import tag_history, tag_usage
from contacts.models import Contact, Tag, TagRule
from contacts.rules import Activity, Grade, Status, TagEffect
from contacts.services import report_exports, tag_merges
from contacts.services import tag_rules as services
from enterprises.models import Department
from enterprises.rest import get_or_404


def tag_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All corporate tags in their groups."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for tag in Tag.objects.select_related("group").order_by("group__position", "group__name", "position", "name", "id"):
        groups.setdefault(tag.group.name, []).append((str(tag.pk), tag.name))
    return list(groups.items())


def _several(label: Any, choices: Any = ()) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.SelectMultiple(attrs={"size": 5})
    )


class MergeForm(forms.Form):
    """Which tag becomes which."""

    tag = forms.ChoiceField(label=_("This tag"))
    into = forms.ChoiceField(label=_("becomes this one"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="merge-%s")
        choices: list[Any] = [("", ""), *tag_choices()]
        for name in self.fields:
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def pair(self) -> dict[str, Tag]:
        """The tags, as the service takes them."""
        return {name: get_or_404(Tag.objects.all(), pk) for name, pk in self.cleaned_data.items()}


def rule_conditions(history: tag_history.History) -> list[str]:
    """All conditions of the rule that was tried."""
    return [*history.asked, *history.as_today]


def history_chart(history: tag_history.History) -> dict[str, Any]:
    """Contacts that would have got and lost the tag, by night, with the same numbers as a table."""
    days = history.told.days
    labels = [f"{day:%Y-%m-%d}" for day, *_numbers in days]
    kinds = ((gettext("Would have got it"), "blue"), (gettext("Would have lost it"), "orange"))
    return bars(gettext("Night"), days, labels, kinds)


class RuleForm(forms.Form):
    """A rule. Fields named like a filter of contacts are its conditions."""

    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=64)
    effect = forms.ChoiceField(label=_("Then"), choices=TagEffect.choices(), widget=forms.RadioSelect)
    tag = forms.ChoiceField(label=_("Tag"))
    active = forms.BooleanField(
        label=pgettext_lazy("of a rule", "Active"),
        required=False,
        help_text=_("Active rules are applied every night, in their order."),
    )
    position = forms.IntegerField(
        label=pgettext_lazy("of a rule", "Order"), min_value=0, max_value=10000, required=False
    )

    grade = _several(_("Grade"), Grade.choices())
    activity = _several(_("Activity"), Activity.choices())
    status = _several(_("Status"), [(one.value, one.label) for one in Status if one is not Status.LOST])
    kind = _several(_("Kind"), Contact.Kind.choices)
    owner = _several(_("Owner"))
    department = _several(_("Department of the owner"))
    tag_any = _several(_("Has any of the tags"))
    tag_all = _several(_("Has all of the tags"))
    tag_none = _several(_("Has none of the tags"))
    inactive = forms.ChoiceField(
        label=_("Inactive"), required=False, choices=[("", "—"), ("true", _("Yes")), ("false", _("No"))]
    )
    source = forms.CharField(label=_("Source"), max_length=32, required=False)
    known_days = forms.IntegerField(label=_("Known for (days)"), min_value=0, max_value=36500, required=False)
    silent_days = forms.IntegerField(label=_("Silent for (days)"), min_value=0, max_value=36500, required=False)
    spend_from = forms.IntegerField(label=_("Spent at least (CNY)"), min_value=0, max_value=10**9, required=False)
    spend_below = forms.IntegerField(label=_("Spent less than (CNY)"), min_value=0, max_value=10**9, required=False)

    past = forms.TypedChoiceField(
        label=_("Look back"),
        choices=[(30, _("30 days")), (90, _("90 days"))],
        coerce=int,
        required=False,
        empty_value=30,
        help_text=_("“Try” also tells what the rule would have done in this time."),
    )

    RULE = ("name", "effect", "tag", "active", "position", "past")

    def __init__(self, data: Any, page: Page, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        tags, fields = tag_choices(), self.fields
        fields["tag"].choices = [("", "—"), *tags]  # type: ignore[attr-defined]
        for name in ("tag_any", "tag_all", "tag_none"):
            fields[name].choices = tags  # type: ignore[attr-defined]
        fields["owner"].choices = [("none", _("No owner")), *member_choices(page.actor)]  # type: ignore[attr-defined]
        departments = Department.objects.order_by("name", "id").values_list("pk", "name")
        fields["department"].choices = [(str(pk), name) for pk, name in departments]  # type: ignore[attr-defined]

    @property
    def conditions(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.RULE]

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        data = self.cleaned_data
        asked = {name: value for name, value in data.items() if name not in self.RULE and value not in (None, "", [])}
        rule: dict[str, Any] = {name: data[name] for name in ("name", "effect", "active", "position")}
        return {**rule, "tag": get_or_404(Tag.objects.all(), data["tag"]), "conditions": asked}


class RulePage(Page):
    """Rules speak about every contact: for those who see every contact."""

    permission = "tags.manage"

    def rule(self, pk: UUID) -> TagRule:
        services.require(self.actor)
        return get_or_404(TagRule.objects.select_related("tag__group"), pk)

    def rules_url(self) -> str:
        return reverse("tag-rules", kwargs={"code": self.enterprise.code})


class Rules(RulePage):
    """The rules in their order, and how they get into each other's way."""

    template = "console/tags/rules.html"
    title = _("Tag rules")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        findings = services.conflicts(self.actor)
        rules = TagRule.objects.select_related("tag__group").order_by("position", "id")
        return self.render({"rules": rules, "findings": findings})


class RuleEdit(RulePage):
    """Make or change a rule: “try” says what it would do, “save” keeps it, “apply” does it now."""

    template = "console/tags/rule.html"
    title = _("New tag rule")

    def get(self, request: HttpRequest, pk: UUID | None = None) -> HttpResponseBase:
        services.require(self.actor)
        if pk is None:
            return self._show(None, RuleForm(None, self, initial={"effect": TagEffect.TAG.value}))
        rule = self.rule(pk)
        initial = {name: getattr(rule, name) for name in ("name", "effect", "active", "position")}
        asked = {
            name: ("true" if value else "false") if isinstance(value, bool) else value
            for name, value in rule.conditions.items()
        }
        return self._show(rule, RuleForm(None, self, initial={**initial, "tag": str(rule.tag_id), **asked}))

    def post(self, request: HttpRequest, pk: UUID | None = None) -> HttpResponseBase:
        services.require(self.actor)
        rule = self.rule(pk) if pk else None
        action = request.POST.get("action")
        if rule and action == "apply":
            return self.redirect(job_address(self, services.start(self.actor, rule=rule)))
        if rule and action == "delete":
            services.delete(self.actor, rule=rule, take_off=bool(request.POST.get("take_off")))
            messages.success(request, _("The rule was deleted."))
            return self.redirect(self.rules_url())
        form = RuleForm(request.POST, self)
        if not form.is_valid():
            return self._show(rule, form, status=400)
        try:
            with transaction.atomic():
                given = form.given()
                if action == "try":
                    tried = self._tried(rule, given)
                    trial = services.try_out(self.actor, rule=tried)
                    history = tag_history.look_back(self.actor, rule=tried, days=form.cleaned_data["past"])
                    return self._show(rule, form, trial=trial, history=history)
                services.save(self.actor, rule=rule, **given)
        except Refusal as refusal:
            return self._show(rule, attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The rule was saved."))
        return self.redirect(self.rules_url())

    def _tried(self, rule: TagRule | None, given: dict[str, Any]) -> TagRule:
        """The rule as it stands in the form, not saved."""
        conditions = services.checked(self.actor, given["conditions"])
        tried = TagRule(conditions=conditions, effect=given["effect"], tag=given["tag"], position=10**6)
        if rule is not None:
            tried.pk, tried._state.adding = rule.pk, False
            tried.position = rule.position if given["position"] is None else given["position"]
        return tried

    def _show(
        self,
        rule: TagRule | None,
        form: Any,
        status: int = 200,
        trial: services.Trial | None = None,
        history: tag_history.History | None = None,
    ) -> HttpResponseBase:
        if rule is not None:
            self.title = rule.name
        context = {"rule": rule, "form": form, "trial": trial, "history": history, "back": self.rules_url()}
        if history is not None:
            named = {name: form[name].label if name in form.fields else name for name in rule_conditions(history)}
            context["asked"] = [named[name] for name in history.asked]
            context["as_today"] = [named[name] for name in history.as_today]
            context["chart"] = history_chart(history)
        return self.render(context, status=status)


class Report(RulePage):
    """How much every tag is worn, the dead ones first; merging one into another."""

    template = "console/tags/report.html"
    title = _("Use of tags")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        services.require(self.actor)
        if "tag" in request.GET:
            return self._question(MergeForm(request.GET))
        return self._report(MergeForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        services.require(self.actor)
        if request.POST.get("action") != "merge":
            tag_usage.report(fresh=True)
            return self.redirect(request.path)
        form = MergeForm(request.POST)
        if not form.is_valid():
            return self._report(form, status=400)
        pair = form.pair()
        with transaction.atomic():
            wearing = tag_merges.preview(self.actor, **pair).contacts
            if wearing and typed(request.POST.get("count")) != wearing:
                return self._question(form, status=400)
            run = tag_merges.start(self.actor, **pair)
        return self.redirect(job_address(self, run))

    def _report(self, form: forms.Form, status: int = 200) -> HttpResponseBase:
        return self.render({"report": tag_usage.report(), "form": form}, status=status)

    def _question(self, form: "MergeForm", status: int = 200) -> HttpResponseBase:
        """What the merge would do, and whether it shall: with the number typed, for it cannot be undone."""
        if not form.is_valid():
            return self._report(form, status=400)
        pair = form.pair()
        try:
            preview = tag_merges.preview(self.actor, **pair)
        except Refusal as refusal:
            return self._report(attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        self.title = gettext("Merge tags")
        context = {"preview": preview, **pair, "wrong": status != 200, "back": self.request.path}
        return self.render(context, template="console/tags/merge.html", status=status)


class ReportExport(RulePage):
    """The report as a file."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        run = report_exports.start_tags(self.actor, format=request.POST.get("format", "xlsx"))
        messages.success(request, _("The export has started. The file will be on this page."))
        return self.redirect(job_address(self, run))


urlpatterns = [
    path("tags/report/", Report.as_view(), name="tag-report"),
    path("tags/report/export/", ReportExport.as_view(), name="tag-report-export"),
    path("tags/rules/", Rules.as_view(), name="tag-rules"),
    path("tags/rules/new/", RuleEdit.as_view(), name="tag-rule-new"),
    path("tags/rules/<uuid:pk>/", RuleEdit.as_view(), name="tag-rule"),
]
