"""REST: shares, and the personal link to the partner's workbench (U11)."""

from typing import Any

from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import JSONParser
from enterprises.rest import get_or_404
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import Share, Subgroup
from upstream.queries import sharing as queries
from upstream.services import shares as services
from upstream.services import workbench


def represent(share: Any) -> dict[str, Any]:
    """A share; comes from `queries.shares`."""
    return {
        "id": share.pk,
        "kind": share.kind,
        "title": share.title,
        "note": share.note,
        "url": share.url,
        "file_name": share.file_name,
        "size": share.size,
        "starts_at": share.starts_at,
        "space": named(share.space),
        "series": named(share.series),
        "subgroup": named(share.subgroup),
        "people": share.people,
        "opens": share.times,
        "created_at": share.created_at,
        "withdrawn_at": share.withdrawn_at,
    }


class ShareView(UpstreamView):
    """What the views of shares share."""

    def answer(self, share: Share, status: int = 200) -> Response:
        return Response(represent(get_or_404(queries.shares(self.actor), share.pk)), status=status)


class SharesView(ShareView):
    """Everything shared with spaces that the caller sees; sharing something: JSON, or multipart for a file."""

    permissions = {"GET": "spaces.view", "POST": "spaces.share"}
    parser_classes = (JSONParser, MultiPartParser)

    @extend_schema(
        parameters=[
            *shapes.PAGING,
            shapes.question("space", "A space's id."),
            shapes.question("series", "A series' id."),
        ],
        responses=shapes.SharePage,
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.SHARE_FILTERS)
        found = queries.shares(self.actor, request.query_params.dict())
        return self.page(found, represent, orderings=("created_at",), default="-created_at")

    @extend_schema(request=shapes.NewShare, responses={201: shapes.SharedItemShape})
    def post(self, request: Request) -> Response:
        sources = {**self.sources(), "subgroup": Subgroup.objects.all()}
        data = self.known(self.read(shapes.NewShare), **sources)
        return self.answer(services.create_share(self.actor, **data), 201)


class SpaceSharesView(ShareView):
    """What is shared with one space."""

    permissions = {"GET": "spaces.view"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.SharePage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        found = queries.shares(self.actor, {"space": str(space.pk)})
        return self.page(found, represent, orderings=("created_at",), default="-created_at")


class OneShareView(ShareView):
    """One share; DELETE withdraws it from every workbench at once."""

    permissions = {"GET": "spaces.view", "DELETE": "spaces.share"}

    @extend_schema(responses=shapes.SharedItemShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer(get_or_404(queries.shares(self.actor), pk))

    @extend_schema(request=None, responses={200: shapes.SharedItemShape})
    def delete(self, request: Request, pk: str) -> Response:
        share = get_or_404(queries.shares(self.actor), pk)
        return self.answer(services.withdraw(self.actor, share=share))


class WorkbenchView(UpstreamView):
    """A new personal link to the workbench; the ones before stop working. DELETE ends them all."""

    permissions = {"POST": "spaces.share", "DELETE": "spaces.share"}

    @extend_schema(request=None, responses={201: shapes.WorkbenchShape})
    def post(self, request: Request, pk: str) -> Response:
        link = workbench.issue_link(self.actor, seat=self.seat(pk))
        address = reverse("workbench", kwargs={"firm": self.actor.enterprise.code, "code": link.code})
        body = {"url": request.build_absolute_uri(address), "expires_at": link.expires_at}
        return Response(body, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        workbench.revoke_links(self.actor, seat=self.seat(pk))
        return Response(status=204)


urlpatterns = [
    path("shares", SharesView.as_view(), name="shares"),
    path("shares/<uuid:pk>", OneShareView.as_view(), name="share"),
    path("spaces/<uuid:pk>/shares", SpaceSharesView.as_view(), name="space-shares"),
    path("partner-contacts/<uuid:pk>/workbench", WorkbenchView.as_view(), name="partner-contact-workbench"),
]
