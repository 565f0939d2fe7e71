"""REST: data protection for one person."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api.contacts import ContactView
from contacts.services import contacts as services
from contacts.services import persons
from jobs.api import JobReference


class PhonesShape(serializers.Serializer):
    phones = serializers.ListField(child=serializers.CharField())


class Erasure(Body):
    confirm = serializers.CharField(
        max_length=128,
        help_text="The name of the contact, as it is written; of a name that cannot be seen, the external user id.",
    )


class PhonesView(ContactView):
    """The phone numbers in full. That somebody looked is in the audit trail."""

    permissions = {"POST": "contacts.phones"}

    @extend_schema(operation_id="contacts_show_phones", request=None, responses=PhonesShape)
    def post(self, request: Request, pk: str) -> Response:
        return Response({"phones": services.show_phones(self.actor, contact=self.contact(pk))})


class PersonExportView(ContactView):
    """Everything that is kept about a person, files included, as a JSON file: the report of the job."""

    permissions = {"POST": "contacts.export"}

    @extend_schema(operation_id="contacts_export_person", request=None, responses={202: JobReference})
    def post(self, request: Request, pk: str) -> Response:
        return Response(JobReference(persons.start_export(self.actor, contact=self.contact(pk))).data, status=202)


class ErasureView(ContactView):
    """Erase a person: what stays is the ledger, without a name. Cannot be undone."""

    permissions = {"POST": "contacts.delete"}

    @extend_schema(operation_id="contacts_erase_person", request=Erasure, responses={202: JobReference})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        run = persons.start_erasure(self.actor, contact=contact, **self.read(Erasure))
        return Response(JobReference(run).data, status=202)


urlpatterns = [
    path("contacts/<uuid:pk>/phones", PhonesView.as_view(), name="contact-phones"),
    path("contacts/<uuid:pk>/export", PersonExportView.as_view(), name="contact-export"),
    path("contacts/<uuid:pk>/erase", ErasureView.as_view(), name="contact-erase"),
]
