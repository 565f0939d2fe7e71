"""Import and export."""

import io
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from common.errors import NotFound, Refusal
from console.base import Page
from console.forms import attach
from contacts.files.columns import COLUMNS, ImportKind
from contacts.files.writers import WRITERS, open_writer
from contacts.filters import ContactFilter
from contacts.services.exports import JOB as EXPORT_JOB
from contacts.services.exports import start_export
from contacts.services.imports import OnFull, Preview, Upload, keep_upload, preview, start_import
from contacts.services.imports.start import JOB as IMPORT_JOB
from enterprises.services import zone
from jobs.models import JobRun
from quota import queries as quota

RECENT = 10


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("What does the file contain?"), choices=ImportKind.choices, widget=forms.RadioSelect, initial="contacts"
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or XLSX with a header in the first row, in Chinese or English."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )


class MappingForm(forms.Form):
    """A select per target column, made from the file's header."""

    on_full = forms.ChoiceField(
        label=_("If there are not enough places"), choices=OnFull.choices, widget=forms.RadioSelect, initial="partial"
    )
    dry_run = forms.BooleanField(
        label=_("Only check: report what would happen, change nothing"), required=False, initial=False
    )

    def __init__(self, data: Any, shown: Preview, *, takes_places: bool) -> None:
        super().__init__(data)
        if not takes_places:
            del self.fields["on_full"]
        headers = [("", "—"), *((header, header) for header in dict.fromkeys(shown.header))]
        for column, header in shown.columns:
            self.fields[f"column_{column.name}"] = forms.ChoiceField(
                label=column.label, choices=headers, initial=header, required=column.required
            )

    @property
    def mapping(self) -> dict[str, str | None]:
        """Target column → header, as the service takes it."""
        chosen = {name: value for name, value in self.cleaned_data.items() if name.startswith("column_")}
        return {name.removeprefix("column_"): value or None for name, value in chosen.items()}

    @property
    def columns(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith("column_")]


class Imports(Page):
    """Choose a file; what was imported before."""

    permission = "contacts.import"
    template = "console/imports/start.html"
    title = _("Import")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show(UploadForm(initial={"kind": request.GET.get("kind", ImportKind.CONTACTS)}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._show(form, status=400)
        try:
            upload = keep_upload(self.actor, file=form.cleaned_data["file"])
        except Refusal as refusal:
            form.add_error("file", str(refusal))
            return self._show(form, status=refusal.status)
        address = reverse("import-check", kwargs={"code": self.enterprise.code, "token": upload.token(self.actor)})
        return self.redirect(f"{address}?kind={form.cleaned_data['kind']}")

    def _show(self, form: UploadForm, status: int = 200) -> HttpResponseBase:
        context = {"form": form, "columns": COLUMNS.items(), "runs": recent(self, IMPORT_JOB)}
        return self.render(context, status=status)


class ImportTemplate(Page):
    """An empty file with the columns of a kind, to be filled in."""

    permission = "contacts.import"

    def get(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        if kind not in set(ImportKind):
            raise NotFound()
        file = io.BytesIO()
        with open_writer("xlsx", file, zone=zone(self.enterprise)) as writer:
            writer.write_header([column.label for column in COLUMNS[ImportKind(kind)]])
        response = HttpResponse(file.getvalue(), content_type=writer.content_type)
        response["Content-Disposition"] = content_disposition_header(True, f"{ImportKind(kind).label}.xlsx") or ""
        return response


class ImportCheck(Page):
    """Is this right? The guessed columns, the first rows, and what to do when places run out."""

    permission = "contacts.import"
    template = "console/imports/check.html"
    title = _("Check the import")

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        shown = self._preview(token)
        return self._show(MappingForm(None, shown, takes_places=self._takes_places), shown)

    def post(self, request: HttpRequest, token: str) -> HttpResponseBase:
        shown = self._preview(token)
        form = MappingForm(request.POST, shown, takes_places=self._takes_places)
        if not form.is_valid():
            return self._show(form, shown, status=400)
        try:
            run = start_import(
                self.actor,
                upload=self.upload,
                kind=self.kind,
                on_full=form.cleaned_data.get("on_full", OnFull.REFUSE),
                mapping=form.mapping,
                dry_run=form.cleaned_data["dry_run"],
            )
        except Refusal as refusal:
            return self._show(attach(form, refusal), shown, status=refusal.status)
        messages.success(request, _("The import has started. You may leave this page."))
        return self.redirect(job_address(self, run))

    @property
    def kind(self) -> str:
        return self.request.GET.get("kind", "")

    @property
    def _takes_places(self) -> bool:
        return self.kind == ImportKind.CONTACTS

    def _preview(self, token: str) -> Preview:
        self.upload = Upload.from_token(self.actor, token)
        return preview(self.actor, upload=self.upload, kind=self.kind)

    def _show(self, form: MappingForm, shown: Preview, status: int = 200) -> HttpResponseBase:
        context = {
            "form": form,
            "preview": shown,
            "upload": self.upload,
            "kind": ImportKind(self.kind),
            "position": quota.position(self.enterprise) if self._takes_places else None,
        }
        return self.render(context, status=status)


class Exports(Page):
    """Exports of contact lists: what was made, and a new one from a list's filter."""

    permission = "contacts.export"
    template = "console/imports/exports.html"
    title = _("Export")
    # What a list's page puts into its address and is no filter.
    NOT_FILTERS: ClassVar[set[str]] = {"page", "page_size", "ordering", "cursor", "columns", "format"}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """With a filter in the address, those whom it finds; else everybody."""
        asked = self._filter(request.GET)
        context = {
            "runs": recent(self, EXPORT_JOB),
            "partial": bool(asked),
            "count": ContactFilter.from_params(asked, self.actor).count(),
            "list_url": f"{reverse('contacts', kwargs={'code': self.enterprise.code})}?{request.GET.urlencode()}",
        }
        return self.render(context)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """From here everybody; from a list its filter, in the address; from the bulk bar a selection, in the form."""
        given = request.POST
        extension = given.get("format", "xlsx")
        chosen: dict[str, Any]
        if "ids" in given and not given.get("all"):
            chosen = {"ids": given.getlist("ids")}
        else:
            chosen = {"filter": self._filter(QueryDict(given["filter"]) if given.get("all") else request.GET)}
        run = start_export(self.actor, **chosen, format=extension if extension in WRITERS else "csv")
        messages.success(request, _("The export has started. The file will be on this page."))
        return self.redirect(job_address(self, run))

    def _filter(self, query: QueryDict) -> dict[str, Any]:
        asked = {name: values for name, values in query.lists() if name not in self.NOT_FILTERS}
        return {name: values if len(values) > 1 else values[0] for name, values in asked.items() if any(values)}


def recent(page: Page, job: str) -> list[JobRun]:
    """The newest runs of a job that the person may see."""
    runs = JobRun.objects.visible_to(page.actor).filter(name=job).select_related("member")
    return list(runs.order_by("-created_at", "-id")[:RECENT])


def job_address(page: Page, run: JobRun) -> str:
    """The page of a run."""
    return reverse("job", kwargs={"code": page.enterprise.code, "pk": run.pk})


urlpatterns = [
    path("imports/", Imports.as_view(), name="imports"),
    path("imports/templates/<slug:kind>/", ImportTemplate.as_view(), name="import-template"),
    path("imports/<str:token>/", ImportCheck.as_view(), name="import-check"),
    path("exports/", Exports.as_view(), name="exports"),
]
