"""Data protection for one person: numbers in full, everything as a file, and nothing any more."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.contact_page import OneContact
from console.forms import attach
from console.imports import job_address
from contacts.services import persons
from contacts.services.contacts import show_phones


class Phones(OneContact):
    """The numbers in the place of the masked ones; who looked is in the audit trail."""

    permission = "contacts.phones"
    template = "console/contacts/phones.html"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        numbers = show_phones(self.actor, contact=contact)
        if request.htmx:  # type: ignore[attr-defined]
            return self.render({"contact": contact, "phones": numbers})
        messages.info(request, ", ".join(numbers))
        return self.redirect(self.address(contact))


class EraseForm(forms.Form):
    confirm = forms.CharField(
        label=_("Name of the contact"), max_length=128, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class Privacy(OneContact):
    """What is kept about a person, as a file; and erasing it."""

    template = "console/contacts/privacy.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self._show(pk, EraseForm())

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        if request.POST.get("do") == "export":
            return self._started(persons.start_export(self.actor, contact=contact))
        form = EraseForm(request.POST)
        if not form.is_valid():
            return self._show(pk, form, status=400)
        try:
            run = persons.start_erasure(self.actor, contact=contact, confirm=form.cleaned_data["confirm"])
        except Refusal as refusal:
            return self._show(pk, attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        return self._started(run)

    def _started(self, run: persons.JobRun) -> HttpResponseBase:
        messages.success(self.request, _("The job has started. You may leave this page."))
        return self.redirect(job_address(self, run))

    def _show(self, pk: UUID, form: forms.Form, status: int = 200) -> HttpResponseBase:
        contact = self.contact(pk)
        self.title = _("Data protection")
        may = self.actor.may
        if not may("contacts.export"):
            self.actor.require("contacts.delete")
        context = {
            "contact": contact,
            "asked_for": persons.asked_for(contact),
            "form": form,
            "back": self.address(contact),
            "may_export": may("contacts.export") and may("contacts.phones"),
            "may_erase": may("contacts.delete"),
        }
        return self.render(context, status=status)


urlpatterns = [
    path("contacts/<uuid:pk>/phones/", Phones.as_view(), name="contact-phones"),
    path("contacts/<uuid:pk>/privacy/", Privacy.as_view(), name="contact-privacy"),
]
