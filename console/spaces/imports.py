"""Partners from a file."""

from typing import Any
from uuid import UUID

from django import forms
from django.urls import path
from django.utils.translation import gettext_lazy as _

from console.spaces.base import FormPage
from upstream.services import partner_import


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or XLSX with a header in the first row, in Chinese or English; a row for each person."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )
    dry_run = forms.BooleanField(label=_("Only say what would happen"), required=False)


class PartnersImport(FormPage):
    """Take partners and their people in; the job reports every refused row."""

    permission = "spaces.edit"
    template = "console/spaces/import.html"
    title = _("Import partners")
    button = _("Import")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)

    def form(self, data: Any) -> FileForm:
        return FileForm(data, self.request.FILES if data is not None else None)

    def act(self, data: dict[str, Any]) -> str:
        how = {"series": self.found.series} if self.found.series else {"space": self.found}
        run = partner_import.start_import(self.actor, **data, **how)
        return self.url("job", pk=run.pk)

    def back(self) -> str:
        return self.url("space", pk=self.found.pk)

    def more(self) -> dict[str, Any]:
        return {"space": self.found, "columns": partner_import.HEADERS.items(), "required": partner_import.REQUIRED}


urlpatterns = [path("spaces/<uuid:pk>/import/", PartnersImport.as_view(), name="partners-import")]
