"""REST: contacts."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common import paging
from contacts import access, queries, search
from contacts.api import shapes
from contacts.filters import NAMES, ORDERINGS, ContactFilter
from contacts.models import Contact, Interaction, Tag
from contacts.rules import Kind
from contacts.services import contacts as services
from contacts.services import history, relations, tags
from enterprises.models import Member
from enterprises.rest import LIST_PARAMETERS, TenantAPIView, check_version, etag, get_or_404, reference


class ContactView(TenantAPIView):
    """What the views of one contact share."""

    def contact(self, pk: Any, *, lock: bool = False) -> Contact:
        """The contact, if it exists for the caller (O5)."""
        seen = Contact.objects.visible_to(self.actor)
        return get_or_404(seen.select_for_update(no_key=True, of=("self",)) if lock else seen, pk)

    def answer(self, contact: Contact, status: int = 200) -> Response:
        """The contact's document; nothing (204) when it is out of the caller's sight by now."""
        if not Contact.objects.visible_to(self.actor).filter(pk=contact.pk).exists():
            return Response(status=204)
        return etag(Response(queries.document(self.actor, contact), status=status), contact.version)

    def read(self, body: type[shapes.Body], **options: Any) -> dict[str, Any]:
        """The checked body."""
        asked = body(data=self.request.data, **options)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)


def member(data: dict[str, Any], field: str) -> None:
    """Turn the member's id in `data` into the member; Invalid for ids of nobody."""
    if data.get(field) is not None:
        data[field] = reference(Member.objects.all(), data[field], field)


class ContactsView(ContactView):
    """The contacts that the caller may see, and adding one."""

    permissions = {"GET": "contacts.view", "POST": "contacts.add"}
    several = frozenset(NAMES)  # the filter says which take several values

    @extend_schema(parameters=shapes.CONTACT_FILTERS, responses=shapes.page_of(shapes.ContactShape))
    def get(self, request: Request) -> Response:
        self.check_query(NAMES)
        query = request.query_params
        params = {name: query.getlist(name) if len(query.getlist(name)) > 1 else query[name] for name in query}
        asked = {name: value for name, value in params.items() if name not in LIST_PARAMETERS}
        wanted = ContactFilter.from_params(asked, self.actor)
        asked_page = self.keyset(Contact.objects.all(), ways=wanted.ways, orderings=ORDERINGS, default="-added_at")
        page, documents = queries.documents(self.actor, asked_page)
        return self.cursor_list(page, documents, wanted.count)

    @extend_schema(
        request=shapes.NewContact, responses={201: shapes.ContactDetailShape, 200: shapes.ContactDetailShape}
    )
    def post(self, request: Request) -> Response:
        data = self.read(shapes.NewContact)
        member(data, "follower")
        contact, is_new = services.add_contact(self.actor, **data)
        return self.answer(contact, 201 if is_new else 200)


class SearchView(ContactView):
    """Whom somebody who has typed so much most likely means, the best first: for a search box.

    A list of everybody who is found, in the order of a list, is `GET contacts?search=`.
    """

    permissions = {"GET": "contacts.view"}

    @extend_schema(
        operation_id="contacts_search",
        parameters=[
            OpenApiParameter("q", str, description="What has been typed so far."),
            OpenApiParameter("size", int, description="1 to 20, 8 when left out."),
        ],
        responses=shapes.FoundShape,
    )
    def get(self, request: Request) -> Response:
        self.check_query(("q", "size"))
        asked = shapes.SearchQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = search.suggestions(self.actor, asked.validated_data["q"], size=asked.validated_data["size"])
        return Response({"results": [represent_found(one) for one in found]})


class OneContactView(ContactView):
    """One contact."""

    permissions = {"GET": "contacts.view", "PATCH": "contacts.edit"}

    @extend_schema(responses=shapes.ContactDetailShape)
    def get(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        return etag(Response(queries.document(self.actor, contact)), contact.version)

    @extend_schema(request=shapes.ContactEdit(partial=True), responses=shapes.ContactDetailShape)
    def patch(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk, lock=True)
        check_version(request, contact)
        access.require_fields(self.actor, contact, request.data)
        return self.answer(services.edit_contact(self.actor, contact=contact, **self.read(shapes.ContactEdit)))


class ArchiveView(ContactView):
    """Archive: gives the place back at once."""

    permissions = {"POST": "contacts.archive"}

    @extend_schema(request=None, responses=shapes.ContactDetailShape)
    def post(self, request: Request, pk: str) -> Response:
        return self.answer(services.archive_contact(self.actor, contact=self.contact(pk)))


class RestoreView(ContactView):
    """Restore an archived contact; needs a place."""

    permissions = {"POST": "contacts.archive"}

    @extend_schema(request=None, responses=shapes.ContactDetailShape)
    def post(self, request: Request, pk: str) -> Response:
        return self.answer(services.restore_contact(self.actor, contact=self.contact(pk)))


class GradeView(ContactView):
    """Override the value grade, or end the override."""

    permissions = {"POST": "contacts.grade"}

    @extend_schema(request=shapes.GradeChange, responses=shapes.ContactDetailShape)
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        return self.answer(services.set_grade(self.actor, contact=contact, **self.read(shapes.GradeChange)))


class OwnerView(ContactView):
    """Change the owner. 204 when the contact is no longer visible to the caller afterwards."""

    permissions = {"POST": "contacts.assign"}

    @extend_schema(request=shapes.OwnerChange, responses={200: shapes.ContactDetailShape, 204: None})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        data = self.read(shapes.OwnerChange)
        member(data, "owner")
        return self.answer(relations.change_owner(self.actor, contact=contact, **data))


class TagsView(ContactView):
    """Put tags on and take tags off."""

    permissions = {"POST": "contacts.tag"}

    @extend_schema(request=shapes.TagChange, responses=shapes.ContactDetailShape)
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        named = {
            field: [reference(Tag.objects.all(), tag, field) for tag in ids]
            for field, ids in self.read(shapes.TagChange).items()
        }
        tags.tag_contact(self.actor, contact=contact, **named)
        return self.answer(contact)


class FollowsView(ContactView):
    """A member becomes a friend of the contact: 201, or 200 when they were one."""

    permissions = {"POST": "contacts.add"}

    @extend_schema(request=shapes.NewFollow, responses={201: shapes.ContactDetailShape, 200: shapes.ContactDetailShape})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        data = self.read(shapes.NewFollow)
        member(data, "member")
        made = relations.add_follow(self.actor, contact=contact, **data)
        return self.answer(contact, 201 if made else 200)


class FollowView(ContactView):
    """The relation of a member and the contact."""

    permissions = {"DELETE": "contacts.edit"}

    @extend_schema(
        parameters=[OpenApiParameter("by", str, enum=["contact", "member"], description="Who ended it.")],
        responses={204: None},
    )
    def delete(self, request: Request, pk: str, member_id: str) -> Response:
        contact = self.contact(pk)
        self.check_query(("by",))
        follower = get_or_404(Member.objects.all(), member_id)
        relations.end_follow(
            self.actor, contact=contact, member=follower, by=request.query_params.get("by") or "member"
        )
        return Response(status=204)


class InteractionsView(ContactView):
    """Record something that happened: 201, or 200 when this key is known."""

    permissions = {"POST": "contacts.edit"}

    @extend_schema(request=shapes.NewInteraction, responses={201: shapes.EventShape, 200: shapes.EventShape})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        data = self.read(shapes.NewInteraction)
        member(data, "member")
        entry, is_new = history.record_interaction(self.actor, contact=contact, **data)
        return Response(represent_interaction(entry), status=201 if is_new else 200)


class PurchasesView(ContactView):
    """Record a purchase or a refund: 201, or 200 when this order is known."""

    permissions = {"POST": "contacts.edit"}

    @extend_schema(request=shapes.NewPurchase, responses={201: shapes.PurchaseShape, 200: shapes.PurchaseShape})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        purchase, is_new = history.record_purchase(self.actor, contact=contact, **self.read(shapes.NewPurchase))
        return Response(shapes.PurchaseShape(purchase).data, status=201 if is_new else 200)


class TimelineView(ContactView):
    """Interactions and purchases, the newest first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(
        parameters=[
            *shapes.PAGING[:2],
            OpenApiParameter("kinds", str, description="Separated by commas."),
            OpenApiParameter("side", str, description="Who acted: customer, member, system; separated by commas."),
        ],
        responses=shapes.page_of(shapes.EventShape),
    )
    def get(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        self.check_query(("kinds", "side", "page_size", "cursor"))
        query = request.query_params
        page = queries.timeline_page(
            contact,
            size=paging.page_size(query.get("page_size")),
            kinds=[kind for kind in query.get("kinds", "").split(",") if kind],
            sides=[side for side in query.get("side", "").split(",") if side],
            cursor=query.get("cursor"),
        )
        return self.cursor_list(page, page.rows)


class VisibilityView(ContactView):
    """Who can see this contact, and why (O5)."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(responses=shapes.ViewersShape)
    def get(self, request: Request, pk: str) -> Response:
        found = queries.viewers(self.contact(pk))
        results = [
            {
                "member": {"id": viewer.member.pk, "name": viewer.member.name},
                "role": viewer.member.role.label,
                "rules": viewer.rules,
                "departments": viewer.departments,
                "level": viewer.grant and viewer.grant.level,
                "expires_at": viewer.grant and viewer.grant.expires_at,
            }
            for viewer in found
        ]
        return Response({"results": results})


def represent_found(suggestion: search.Suggestion) -> dict[str, Any]:
    """A contact as a search box shows it."""
    contact = suggestion.contact
    owner = contact.owner
    return {
        "id": contact.pk,
        "external_userid": contact.external_userid,
        "name": contact.name,
        "remark": contact.remark,
        "kind": contact.kind,
        "company": contact.company,
        "status": contact.status,
        "owner": {"id": owner.pk, "name": owner.name} if owner else None,
        "called": suggestion.called,
    }


def represent_interaction(entry: Interaction) -> dict[str, Any]:
    """An interaction as the timeline shows it."""
    whom = entry.member
    return {
        "id": entry.pk,
        "at": entry.at,
        "kind": Kind(entry.kind),
        "side": entry.side,
        "member": {"id": whom.pk, "name": whom.name} if whom else None,
        "data": entry.data,
    }


urlpatterns = [
    path("contacts", ContactsView.as_view(), name="contacts"),
    path("contacts/search", SearchView.as_view(), name="contacts-search"),
    path("contacts/<uuid:pk>", OneContactView.as_view(), name="contact"),
    path("contacts/<uuid:pk>/archive", ArchiveView.as_view(), name="contact-archive"),
    path("contacts/<uuid:pk>/restore", RestoreView.as_view(), name="contact-restore"),
    path("contacts/<uuid:pk>/grade", GradeView.as_view(), name="contact-grade"),
    path("contacts/<uuid:pk>/owner", OwnerView.as_view(), name="contact-owner"),
    path("contacts/<uuid:pk>/tags", TagsView.as_view(), name="contact-tags"),
    path("contacts/<uuid:pk>/follows", FollowsView.as_view(), name="contact-follows"),
    path("contacts/<uuid:pk>/follows/<uuid:member_id>", FollowView.as_view(), name="contact-follow"),
    path("contacts/<uuid:pk>/interactions", InteractionsView.as_view(), name="contact-interactions"),
    path("contacts/<uuid:pk>/purchases", PurchasesView.as_view(), name="contact-purchases"),
    path("contacts/<uuid:pk>/timeline", TimelineView.as_view(), name="contact-timeline"),
    path("contacts/<uuid:pk>/visibility", VisibilityView.as_view(), name="contact-visibility"),
]
