"""REST: spaces, series and subgroups."""

from functools import partial
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises.rest import check_version, etag, get_or_404
from enterprises.services import policy
from upstream import queries
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import Series, Space, Subgroup
from upstream.services import spaces as services
from upstream.services import subgroups


def represent(space: Any, limit: int) -> dict[str, Any]:
    """A space; comes from `queries.spaces`. `limit`: how many partners the policy gives each."""
    return {
        "id": space.pk,
        "name": space.name,
        "purpose": space.purpose,
        "series": named(space.series),
        "number": space.number,
        "partners_open": space.partners_open,
        "partners": {"used": space.partner_count, "limit": limit},
        "members": space.present,
        "created_at": space.created_at,
    }


class SpaceView(UpstreamView):
    """What the views of spaces share."""

    def answer(self, space: Space, status: int = 200) -> Response:
        """The space's document."""
        body = represent(self.space(space.pk), policy().space_partners)
        return etag(Response(body, status=status), space.version)


class SpacesView(SpaceView):
    """The spaces that exist for the caller, and making one (U1, U2).

    409 `name_taken` carries `proposals` of free names, 409 `limit_reached` how many there may be.
    """

    permissions = {"GET": "spaces.view", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.SPACE_QUESTIONS, responses=shapes.SpacePage)
    def get(self, request: Request) -> Response:
        self.check_query(queries.SPACE_FILTERS)
        found = queries.spaces(self.actor, request.query_params.dict())
        shown = partial(represent, limit=policy().space_partners)
        return self.page(found, shown, orderings=("name", "created_at"), default="name")

    @extend_schema(request=shapes.NewSpace, responses={201: shapes.SpaceShape})
    def post(self, request: Request) -> Response:
        data = self.known(self.read(shapes.NewSpace), **self.sources())
        return self.answer(services.create_space(self.actor, **data), 201)


class OneSpaceView(SpaceView):
    """One space; DELETE ends it once it has no partners."""

    permissions = {"GET": "spaces.view", "PATCH": "spaces.manage", "DELETE": "spaces.manage"}

    @extend_schema(responses=shapes.SpaceShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer(self.space(pk))

    @extend_schema(request=shapes.SpaceBody(partial=True), responses=shapes.SpaceShape)
    def patch(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        check_version(request, space)
        changes = self.read(shapes.SpaceBody, partial=True)
        return self.answer(services.edit_space(self.actor, space=space, changes=changes))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete_space(self.actor, space=self.space(pk))
        return Response(status=204)


class SeriesView(UpstreamView):
    """Series of spaces that are handled as one (U8), and starting one with its first space."""

    permissions = {"GET": "spaces.view", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.SeriesPage)
    def get(self, request: Request) -> Response:
        self.check_query()
        found, shown = queries.series(self.actor), partial(self.represent, limit=policy().space_partners)
        return self.page(found, shown, orderings=("name",), default="name", prepare=self.load)

    @extend_schema(request=shapes.NewSeries, responses={201: shapes.SeriesShape})
    def post(self, request: Request) -> Response:
        series = services.create_series(self.actor, **self.read(shapes.NewSeries))
        self.load([series])
        return Response(self.represent(series, limit=policy().space_partners), status=201)

    def load(self, rows: list[Series]) -> None:
        """The spaces of each that the caller sees, in their order."""
        seen = Space.objects.visible_to(self.actor).order_by("number")
        prefetch_related_objects(rows, Prefetch("spaces", queryset=seen))

    def represent(self, series: Series, limit: int) -> dict[str, Any]:
        inside = list(series.spaces.all())
        return {
            "id": series.pk,
            "name": series.name,
            "purpose": series.purpose,
            "spaces": [named(space) for space in inside],
            "partners": {"used": sum(space.partner_count for space in inside), "limit": limit * len(inside)},
        }


class SubgroupsView(UpstreamView):
    """The tree of subgroups (U3), flat; and adding one."""

    permissions = {"GET": "spaces.view", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.SubgroupPage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        found = Subgroup.objects.filter(space=space)
        return self.page(found, represent_subgroup, orderings=("position", "name"), default="position")

    @extend_schema(request=shapes.SubgroupBody, responses={201: shapes.SubgroupShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.SubgroupBody), **self.sources(space))
        return Response(represent_subgroup(subgroups.create_subgroup(self.actor, space=space, **data)), status=201)


class SubgroupView(UpstreamView):
    """One subgroup; what is below it moves along."""

    permissions = {"PATCH": "spaces.manage", "DELETE": "spaces.manage"}

    @extend_schema(request=shapes.SubgroupBody(partial=True), responses=shapes.SubgroupShape)
    def patch(self, request: Request, pk: str, subgroup_id: str) -> Response:
        space, subgroup = self._found(pk, subgroup_id)
        check_version(request, subgroup)
        changes = self.known(self.read(shapes.SubgroupBody, partial=True), **self.sources(space))
        subgroup = subgroups.edit_subgroup(self.actor, subgroup=subgroup, changes=changes)
        return etag(Response(represent_subgroup(subgroup)), subgroup.version)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str, subgroup_id: str) -> Response:
        _space, subgroup = self._found(pk, subgroup_id)
        subgroups.delete_subgroup(self.actor, subgroup=subgroup)
        return Response(status=204)

    def _found(self, pk: str, subgroup_id: str) -> tuple[Space, Subgroup]:
        space = self.space(pk)
        return space, get_or_404(Subgroup.objects.filter(space=space).select_related("parent", "space"), subgroup_id)


def represent_subgroup(subgroup: Subgroup) -> dict[str, Any]:
    return {
        "id": subgroup.pk,
        "name": subgroup.name,
        "parent": subgroup.parent_id,
        "position": subgroup.position,
    }


urlpatterns = [
    path("spaces", SpacesView.as_view(), name="spaces"),
    path("spaces/<uuid:pk>", OneSpaceView.as_view(), name="space"),
    path("spaces/<uuid:pk>/subgroups", SubgroupsView.as_view(), name="subgroups"),
    path("spaces/<uuid:pk>/subgroups/<uuid:subgroup_id>", SubgroupView.as_view(), name="subgroup"),
    path("series", SeriesView.as_view(), name="series"),
]
