"""Members and departments from a file: look first, then take them in."""

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.forms import attach
from enterprises.people_files import COLUMNS, MAX_BYTES, MAX_ROWS, REQUIRED, Kind, write
from enterprises.services.people_import import Report, import_people

KEPT = 1800  # seconds between looking and taking in


class PeopleFileForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("What does the file contain?"), choices=Kind.choices, widget=forms.RadioSelect, initial="members"
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV with a header in the first row, in Chinese or English."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 1 MB."))
        return file


class PeopleImport(Page):
    """Upload, see what would happen, take it in."""

    permission = "members.manage"
    template = "console/people/import.html"
    title = _("Import members and departments")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(PeopleFileForm(initial={"kind": request.GET.get("kind", Kind.MEMBERS)}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if ticket := request.POST.get("ticket"):
            return self.go_on(ticket)
        form = PeopleFileForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(form, status=400)
        kind, data = Kind(form.cleaned_data["kind"]), form.cleaned_data["file"].read()
        try:
            report = import_people(self.actor, kind=kind, data=data, dry_run=True)
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        ticket = secrets.token_urlsafe(16)
        cache.set(self.key(ticket), (kind.value, data), timeout=KEPT)
        return self.show(form, report, ticket)

    def go_on(self, ticket: str) -> HttpResponseBase:
        """The file that was looked at: take it in, or give its refused rows as a file."""
        kept = cache.get(self.key(ticket))
        if kept is None:
            messages.warning(self.request, gettext("The upload is no longer kept. Please choose the file again."))
            return self.redirect(self.request.path)
        dry_run = "refused" in self.request.POST
        report = import_people(self.actor, kind=Kind(kept[0]), data=kept[1], dry_run=dry_run)
        if not dry_run:
            return self.show(PeopleFileForm(initial={"kind": kept[0]}), report, ticket)
        rows = [(one.line, one.key, one.reason) for one in report.refused]
        body = write((gettext("Line"), gettext("Account or path"), gettext("Reason")), rows)
        response = HttpResponse(body, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="refused.csv"'
        return response

    def key(self, ticket: str) -> str:
        """The uploader's own: nobody else's session finds it."""
        return f"people-file:{self.enterprise.pk}:{self.actor.member_id}:{ticket}"

    def show(
        self, form: forms.BaseForm, report: Report | None = None, ticket: str = "", status: int = 200
    ) -> HttpResponseBase:
        columns = [(kind, [(name, name in REQUIRED[kind]) for name in COLUMNS[kind]]) for kind in Kind]
        context = {"form": form, "report": report, "ticket": ticket, "columns": columns, "most": MAX_ROWS}
        return self.render(context, status=status)


urlpatterns = [path("members/import/", PeopleImport.as_view(), name="people-import")]
