"""REST: partners and their people."""

from functools import partial
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises.rest import check_version, etag
from enterprises.services import policy
from upstream import queries
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import Partner, PartnerContact
from upstream.services import partners as services
from upstream.services import people

ORDERINGS = ("name", "joined_at")


def represent(partner: Any, limit: int) -> dict[str, Any]:
    """A partner with its subgroups; `queries.places` has loaded those. `limit`: how many people the policy gives it."""
    return {
        "id": partner.pk,
        "space": named(partner.space),
        "name": partner.name,
        "short_name": partner.short_name,
        "aliases": partner.aliases,
        "region": partner.region,
        "kind": partner.kind,
        "owner": named(partner.owner),
        "virtual": partner.virtual,
        "credit_code": partner.credit_code,
        "verified_at": partner.verified_at,
        "people": {"used": partner.contact_count, "limit": limit},
        "subgroups": [named(one) for one in partner.in_subgroups],
        "joined_at": partner.joined_at,
    }


def represent_seat(seat: Any) -> dict[str, Any]:
    """A person of a partner; `queries.linked` has loaded where else they are."""
    return {
        "id": seat.pk,
        "person": seat.person_id,
        "name": seat.person.name,
        "phone": seat.person.phone,
        "email": seat.person.email,
        "title": seat.title,
        "leader": seat.leader,
        "partner": named(seat.partner),
        "space": named(seat.space),
        "also_in": [named(other.space) for other in seat.also.seats],
        "customer": named(seat.also.customer),
        "source": seat.source,
        "joined_at": seat.joined_at,
    }


class PartnerView(UpstreamView):
    """What the views of partners share."""

    def answer(self, partner: Partner, status: int = 200) -> Response:
        """The partner's document as the caller sees it; nothing (204) when it is out of sight by now."""
        found = queries.partners(self.actor).filter(pk=partner.pk).first()
        if found is None:
            return Response(status=204)
        queries.places([found])
        return etag(Response(represent(found, policy().partner_people), status=status), found.version)

    def list_partners(self, request: Request, **fixed: str) -> Response:
        query = {**request.query_params.dict(), **fixed}
        found = queries.partners(self.actor, query)
        shown = partial(represent, limit=policy().partner_people)
        return self.page(found, shown, orderings=ORDERINGS, default="name", prepare=queries.places)


class PartnersView(PartnerView):
    """The partners that the caller sees, in all spaces (U5); adding one to a space or a series (U8)."""

    permissions = {"GET": "spaces.view", "POST": "spaces.edit"}

    @extend_schema(parameters=shapes.PARTNER_QUESTIONS, responses=shapes.PartnerPage)
    def get(self, request: Request) -> Response:
        self.check_query(queries.PARTNER_FILTERS)
        return self.list_partners(request)

    @extend_schema(request=shapes.NewPartnerAnywhere, responses={201: shapes.PartnerShape})
    def post(self, request: Request) -> Response:
        data = self.known(self.read(shapes.NewPartnerAnywhere), **self.sources())
        return self.answer(services.add_partner(self.actor, **data), 201)


class SpacePartnersView(PartnerView):
    """The partners of a space that the caller sees, and adding one."""

    permissions = {"GET": "spaces.view", "POST": "spaces.edit"}

    @extend_schema(parameters=shapes.PARTNER_QUESTIONS, responses=shapes.PartnerPage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query(set(queries.PARTNER_FILTERS) - {"space", "series"})
        return self.list_partners(request, space=str(space.pk))

    @extend_schema(request=shapes.NewPartner, responses={201: shapes.PartnerShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.NewPartner), **self.sources(space))
        return self.answer(services.add_partner(self.actor, space=space, **data), 201)


class OnePartnerView(PartnerView):
    """One partner; DELETE takes it and its people out of the space."""

    permissions = {"GET": "spaces.view", "PATCH": "spaces.edit", "DELETE": "spaces.edit"}

    @extend_schema(responses=shapes.PartnerShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer(self.partner(pk))

    @extend_schema(request=shapes.PartnerBody(partial=True), responses=shapes.PartnerShape)
    def patch(self, request: Request, pk: str) -> Response:
        partner = self.partner(pk)
        check_version(request, partner)
        changes = self.known(self.read(shapes.PartnerBody, partial=True), **self.sources(partner.space))
        return self.answer(services.edit_partner(self.actor, partner=partner, changes=changes))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.remove_partner(self.actor, partner=self.partner(pk))
        return Response(status=204)


class VerifyView(PartnerView):
    """A virtual partner turns out to be this enterprise (U4); 409 `partner_known`: merge the two."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=shapes.PartnerVerification, responses=shapes.PartnerShape)
    def post(self, request: Request, pk: str) -> Response:
        partner = self.partner(pk)
        return self.answer(
            services.verify_partner(self.actor, partner=partner, **self.read(shapes.PartnerVerification))
        )


class MoveView(PartnerView):
    """Move a partner with its people to another space."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=shapes.PartnerMove, responses=shapes.PartnerShape)
    def post(self, request: Request, pk: str) -> Response:
        partner = self.partner(pk)
        data = self.known(self.read(shapes.PartnerMove), **self.sources())
        return self.answer(services.move_partner(self.actor, partner=partner, **data))


class SplitView(PartnerView):
    """Make a partner of its own of some people."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=shapes.PartnerSplit, responses={201: shapes.PartnerShape})
    def post(self, request: Request, pk: str) -> Response:
        partner = self.partner(pk)
        data = self.read(shapes.PartnerSplit)
        seats = self.several(PartnerContact.objects.filter(partner=partner), data.pop("contacts"), "contacts")
        return self.answer(services.split_partner(self.actor, partner=partner, seats=seats, **data), 201)


class MergeView(PartnerView):
    """This partner becomes part of another one, which is answered (U4)."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=shapes.PartnerMerge, responses=shapes.PartnerShape)
    def post(self, request: Request, pk: str) -> Response:
        partner = self.partner(pk)
        data = self.known(self.read(shapes.PartnerMerge), **self.sources())
        return self.answer(services.merge_partners(self.actor, partner=partner, into=data["into"]))


# --- People -----------------------------------------------------------------------------------------------


class SeatView(UpstreamView):
    """What the views of people share."""

    def answer_seat(self, pk: Any, status: int = 200) -> Response:
        """The person's document; nothing (204) when they are out of sight by now."""
        found = list(queries.people(self.actor).filter(pk=pk))
        queries.linked(self.actor, found)
        return Response(represent_seat(found[0]), status=status) if found else Response(status=204)

    def list_people(self, request: Request, **fixed: str) -> Response:
        found = queries.people(self.actor, {**request.query_params.dict(), **fixed})

        def prepare(rows: list[PartnerContact]) -> None:
            queries.linked(self.actor, rows)

        return self.page(found, represent_seat, orderings=("joined_at",), default="joined_at", prepare=prepare)


class PeopleView(SeatView):
    """The people of partners that the caller sees, in all spaces."""

    permissions = {"GET": "spaces.view"}

    @extend_schema(parameters=shapes.PEOPLE_QUESTIONS, responses=shapes.PeoplePage)
    def get(self, request: Request) -> Response:
        self.check_query(queries.PEOPLE_FILTERS)
        return self.list_people(request)


class SpacePeopleView(SeatView):
    """The people of a space that the caller sees, not only one's own (U5); and adding one."""

    permissions = {"GET": "spaces.view", "POST": "spaces.edit"}

    @extend_schema(parameters=shapes.PEOPLE_QUESTIONS, responses=shapes.PeoplePage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query(set(queries.PEOPLE_FILTERS) - {"space", "series"})
        return self.list_people(request, space=str(space.pk))

    @extend_schema(request=shapes.NewSeat, responses={201: shapes.SeatShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.NewSeat), **self.sources(space))
        contact = data.pop("customer", None)
        return self.answer_seat(people.add_person(self.actor, contact=contact, **data).pk, 201)


class OneSeatView(SeatView):
    """One person of a partner; DELETE takes them out of this space."""

    permissions = {"GET": "spaces.view", "PATCH": "spaces.edit", "DELETE": "spaces.edit"}

    @extend_schema(responses=shapes.SeatShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer_seat(self.seat(pk).pk)

    @extend_schema(request=shapes.SeatEdit(partial=True), responses=shapes.SeatShape)
    def patch(self, request: Request, pk: str) -> Response:
        seat = self.seat(pk)
        people.edit_person(self.actor, seat=seat, changes=self.read(shapes.SeatEdit))
        return self.answer_seat(seat.pk)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        people.remove_person(self.actor, seat=self.seat(pk))
        return Response(status=204)


class CustomerView(SeatView):
    """Which customer the person is (U5). They stay both."""

    permissions = {"PUT": "spaces.edit"}

    @extend_schema(request=shapes.CustomerBody, responses=shapes.SeatShape)
    def put(self, request: Request, pk: str) -> Response:
        seat = self.seat(pk)
        data = self.known(self.read(shapes.CustomerBody), **self.sources())
        people.link_customer(self.actor, seat=seat, contact=data["contact"])
        return self.answer_seat(seat.pk)


urlpatterns = [
    path("partners", PartnersView.as_view(), name="partners"),
    path("partners/<uuid:pk>", OnePartnerView.as_view(), name="partner"),
    path("partners/<uuid:pk>/verify", VerifyView.as_view(), name="partner-verify"),
    path("partners/<uuid:pk>/move", MoveView.as_view(), name="partner-move"),
    path("partners/<uuid:pk>/split", SplitView.as_view(), name="partner-split"),
    path("partners/<uuid:pk>/merge", MergeView.as_view(), name="partner-merge"),
    path("partner-contacts", PeopleView.as_view(), name="partner-contacts"),
    path("partner-contacts/<uuid:pk>", OneSeatView.as_view(), name="partner-contact"),
    path("partner-contacts/<uuid:pk>/customer", CustomerView.as_view(), name="partner-contact-customer"),
    path("spaces/<uuid:pk>/partners", SpacePartnersView.as_view(), name="space-partners"),
    path("spaces/<uuid:pk>/contacts", SpacePeopleView.as_view(), name="space-contacts"),
]
