"""The audit trail: who did what, when and from where, with what it was before."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.base import Page
from console.departments import NOBODY
from console.listing import Listing
from enterprises import queries
from enterprises.actors import Actor
from enterprises.audit_actions import ACTIONS
from enterprises.models import AuditEntry, Member

MANY = 1000
AREAS = {
    "member.": _("Members: everything"),
    "department.": _("Departments: everything"),
    "role.": _("Roles: everything"),
    "token.": _("API tokens: everything"),
    "contact.": _("Contacts, one by one: everything"),
    "contacts.": _("Contacts, many at once: everything"),
    "package.": _("Packages: everything"),
    "job.": _("Jobs: everything"),
}


class AuditFilter(forms.Form):
    actor = forms.ChoiceField(label=_("Who"), required=False)
    action = forms.ChoiceField(
        label=_("What"),
        required=False,
        choices=[NOBODY, *AREAS.items(), *ACTIONS.items()],
    )
    start = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    subject = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        people = Member.objects.order_by("name", "id").values_list("pk", "name", "userid")[:MANY]
        choices = [(str(pk), f"{name} ({userid})") for pk, name, userid in people]
        self.fields["actor"].choices = [NOBODY, *choices]  # type: ignore[attr-defined]

    def rows(self, actor: Actor) -> QuerySet[AuditEntry]:
        """The entries that match; days are the enterprise's. None while a filter is wrong."""
        if not self.is_valid():
            return AuditEntry.objects.none()
        data: dict[str, Any] = self.cleaned_data
        query = {"actor": data["actor"], "action": data["action"], "subject": str(data["subject"] or "")}
        if data["start"]:
            query["from"] = _midnight(data["start"]).isoformat()
        if data["end"]:
            query["to"] = _midnight(data["end"] + timedelta(days=1)).isoformat()
        return queries.audit_entries(actor, query)


class Audit(Page):
    """The trail, newest first."""

    permission = "audit.view"
    template = "console/settings/audit.html"
    title = _("Audit trail")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = AuditFilter(request.GET)
        listing = Listing(request, form.rows(self.actor), ordering="-at")
        return self.render({"form": form, "listing": listing, "filtered": bool(form.changed_data)})


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


urlpatterns = [path("audit/", Audit.as_view(), name="audit")]
