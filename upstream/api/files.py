"""REST: partners from CSV and XLSX files."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from upstream.api.base import UpstreamView
from upstream.services.partner_import import start_import


class PartnersFile(Body):
    file = serializers.FileField(
        help_text="CSV or XLSX: company, short_name, aliases, region, kind, subgroup, name, phone, …"
    )
    dry_run = serializers.BooleanField(required=False, help_text="Only say what would happen.")


class PartnersImportShape(serializers.Serializer):
    job = serializers.UUIDField()


class PartnersImportView(UpstreamView):
    """Take partners and their people in, as a job; its result counts, its report names every refused row.

    In a space of a series each partner goes to the space with room (U8).
    """

    permissions = {"POST": "spaces.edit"}
    parser_classes = (MultiPartParser,)

    @extend_schema(request={"multipart/form-data": PartnersFile}, responses={202: PartnersImportShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        where = {"series": space.series} if space.series else {"space": space}
        run = start_import(self.actor, **self.read(PartnersFile), **where)
        return Response({"job": run.pk}, status=202)


urlpatterns = [path("spaces/<uuid:pk>/import", PartnersImportView.as_view(), name="space-import")]
