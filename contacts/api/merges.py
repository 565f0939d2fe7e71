"""REST: merging two contacts that are one person."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.models import Contact, ContactMerge
from contacts.services import merges as services
from enterprises.rest import get_or_404, reference


class MergeContactBody(Body):
    gone = serializers.UUIDField(help_text=_("The contact that goes into the one of the path."))


class MergePreviewShape(serializers.Serializer):
    contact = shapes.NamedShape()
    gone = shapes.NamedShape()
    moves = serializers.DictField(child=serializers.IntegerField(), help_text=_("Rows that go over, by table."))
    stays = serializers.DictField(child=serializers.IntegerField(), help_text=_("Rows that both had already."))
    changes = serializers.DictField(help_text=_("Field → [before, after] of the contact that stays."))
    frees = serializers.IntegerField(help_text=_("Places given back: 1 when both are served."))
    keeps = serializers.BooleanField(
        help_text=_("An objection for the one that goes keeps the other one from an open clean-up, too.")
    )


class ContactMergeShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = serializers.UUIDField()
    gone = serializers.UUIDField()
    gone_name = serializers.CharField()
    member = shapes.NamedShape(allow_null=True)
    merged_at = serializers.DateTimeField()
    undo_until = serializers.DateTimeField()
    undone_at = serializers.DateTimeField(allow_null=True)


class MergesShape(serializers.Serializer):
    results = ContactMergeShape(many=True)


class SuggestionShape(serializers.Serializer):
    unionid = serializers.CharField()
    contacts = shapes.NamedShape(many=True)


class SuggestionsShape(serializers.Serializer):
    results = SuggestionShape(many=True)


def represent(made: ContactMerge) -> dict[str, Any]:
    """A merge as documents show it."""
    return {
        "id": made.pk,
        "contact": made.contact_id,
        "gone": made.gone_id,
        "gone_name": made.gone_label,
        "member": {"id": made.member_id, "name": made.member.name} if made.member else None,
        "merged_at": made.merged_at,
        "undo_until": made.undo_until,
        "undone_at": made.undone_at,
    }


class MergeView(ContactView):
    """What the views of merges share."""

    permissions = {"POST": "contacts.merge"}

    def pair(self, pk: str) -> dict[str, Contact]:
        """The contact of the path and the one of the body, if both exist for the caller."""
        contact = self.contact(pk)
        seen = Contact.objects.visible_to(self.actor)
        return {"contact": contact, "gone": reference(seen, self.read(MergeContactBody)["gone"], "gone")}


class MergesView(MergeView):
    """The merges into a contact; and merging another one into it. Can be undone as long as the policy says."""

    permissions = {"GET": "contacts.view", "POST": "contacts.merge"}

    @extend_schema(responses=MergesShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response({"results": [represent(made) for made in services.of(self.contact(pk))]})

    @extend_schema(request=MergeContactBody, responses={201: ContactMergeShape})
    def post(self, request: Request, pk: str) -> Response:
        return Response(represent(services.merge(self.actor, **self.pair(pk))), status=201)


class MergePreviewView(MergeView):
    """What merging would do."""

    @extend_schema(request=MergeContactBody, responses=MergePreviewShape)
    def post(self, request: Request, pk: str) -> Response:
        found = services.preview(self.actor, **self.pair(pk))
        return Response(
            {
                "contact": {"id": found.contact.pk, "name": str(found.contact)},
                "gone": {"id": found.gone.pk, "name": str(found.gone)},
                "moves": found.moves,
                "stays": found.stays,
                "changes": {name: list(values) for name, values in found.changes.items()},
                "frees": found.frees,
                "keeps": found.keeps,
            }
        )


class UndoMergeView(MergeView):
    """Take a merge back; needs a place again when one was given back. Answers with the contact that returned."""

    @extend_schema(request=None, responses=shapes.ContactDetailShape)
    def post(self, request: Request, pk: str, merge_id: str) -> Response:
        made = get_or_404(services.of(self.contact(pk)), merge_id)
        return self.answer(services.undo(self.actor, merge=made))


class SuggestionsView(MergeView):
    """Contacts with the same union id."""

    permissions = {"GET": "contacts.merge"}

    @extend_schema(responses=SuggestionsShape)
    def get(self, request: Request) -> Response:
        self.check_query()
        results = [
            {
                "unionid": found[0].unionid,
                "contacts": [{"id": contact.pk, "name": str(contact)} for contact in found],
            }
            for found in services.suggestions(self.actor)
        ]
        return Response({"results": results})


urlpatterns = [
    path("contacts/merge-suggestions", SuggestionsView.as_view(), name="merge-suggestions"),
    path("contacts/<uuid:pk>/merges", MergesView.as_view(), name="contact-merges"),
    path("contacts/<uuid:pk>/merges/preview", MergePreviewView.as_view(), name="contact-merge-preview"),
    path("contacts/<uuid:pk>/merges/<uuid:merge_id>/undo", UndoMergeView.as_view(), name="contact-merge-undo"),
]
