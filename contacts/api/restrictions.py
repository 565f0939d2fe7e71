"""REST: what the scale stops: the rehearsal, and whom one may still answer (Q8, Q9)."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import rehearsal, replies
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.models import Interaction
from enterprises.api.shapes import filters
from enterprises.models import Member
from enterprises.rest import TenantAPIView, get_or_404
from enterprises.services import policy, zone
from quota import queries
from quota.api import ActionsShape, RemedyShape
from quota.rules import State


class AffectedShape(serializers.Serializer):
    members = serializers.IntegerField(help_text=_("Active members."))
    customers = serializers.IntegerField(help_text=_("Served contacts."))
    archived = serializers.IntegerField(help_text=_("Archived contacts, who could not be restored."))
    groups = serializers.IntegerField(help_text=_("Group chats."))
    group_owners = serializers.IntegerField(help_text=_("Their owners."))
    leavers = serializers.IntegerField(help_text=_("Members who left and still own contacts."))
    left_behind = serializers.IntegerField(help_text=_("The contacts of those."))
    answerable = serializers.IntegerField(help_text=_("Contacts with an open reply window now, per member."))


class RehearsalShape(serializers.Serializer):
    at = serializers.DateTimeField()
    served = serializers.IntegerField()
    capacity = serializers.IntegerField()
    state = serializers.ChoiceField(State.choices())
    stops = serializers.ListField(child=serializers.ChoiceField([str(a) for a in queries.GUARDED]))
    reply_limited = serializers.BooleanField(help_text=_("Replies only within the reply window."))
    actions = ActionsShape()
    affected = AffectedShape()
    remedies = RemedyShape(many=True)


class ReplyWindowShape(serializers.Serializer):
    contact = shapes.NamedShape()
    member = shapes.NamedShape()
    last_inbound_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField()


class ReplyShape(serializers.Serializer):
    allowed = serializers.BooleanField()
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    remedies = RemedyShape(many=True)
    last_inbound_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)


WINDOWS = shapes.page_of(ReplyWindowShape)


class RehearsalView(TenantAPIView):
    """What would stop at a moment with a number served, for whom, and what would help. Nothing is changed."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        parameters=[
            OpenApiParameter("at", str, description="A moment, or a day of the enterprise: its end. Default: now."),
            OpenApiParameter("served", int, description="How many are served then; as many as now when left out."),
        ],
        responses=RehearsalShape,
    )
    def get(self, request: Request) -> Response:
        self.check_query(("at", "served"))
        at, served = rehearsal.parse(request.query_params, zone(self.actor.enterprise))
        played = rehearsal.play(self.actor, at=at, served=served)
        found = played.rehearsal
        return Response(
            {
                "at": found.at,
                "served": found.position.served,
                "capacity": found.position.capacity,
                "state": str(found.position.state),
                "stops": [str(action) for action in found.stops],
                "reply_limited": played.reply_limited,
                "actions": {str(action): decision.as_dict() for action, decision in found.decisions.items()},
                "affected": AffectedShape(played.affected).data,
                "remedies": [remedy.as_dict() for remedy in found.remedies],
            }
        )


class ReplyWindowsView(TenantAPIView):
    """Whom each member may still answer while the enterprise is over its scale, and until when; newest first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(parameters=filters(member="Only windows of this member (id)."), responses=WINDOWS)
    def get(self, request: Request) -> Response:
        self.check_query(replies.FILTERS)
        numbers = policy()
        return self.page(
            replies.windows(self.actor, request.query_params, numbers=numbers),
            lambda row: represent(row, numbers.reply_window_hours),
            orderings=("at",),
            default="-at",
        )


class ReplyView(ContactView):
    """May a member answer this contact now, and if not, why and what would help?"""

    permissions = {"GET": "contacts.view"}

    @extend_schema(
        parameters=[OpenApiParameter("member", str, description="A member's id; the caller when left out.")],
        responses=ReplyShape,
    )
    def get(self, request: Request, pk: str) -> Response:
        self.check_query(("member",))
        contact = self.contact(pk)
        asked = request.query_params.get("member")
        member = get_or_404(Member.objects.all(), asked) if asked else self.actor.member
        decision, last = replies.decision(self.actor, contact=contact, member=member)
        return Response(
            {
                **decision.as_dict(),
                "last_inbound_at": last,
                "closes_at": last and replies.closes_at(last),
            }
        )


def represent(row: Interaction, hours: int) -> dict[str, Any]:
    """A window as documents show it."""
    return {
        "contact": {"id": row.contact_id, "name": str(row.contact)},
        "member": {"id": row.member_id, "name": row.member.name if row.member else ""},
        "last_inbound_at": row.at,
        "closes_at": replies.closes_at(row.at, hours),
    }


urlpatterns = [
    path("quota/rehearsal", RehearsalView.as_view(), name="quota-rehearsal"),
    path("reply-windows", ReplyWindowsView.as_view(), name="reply-windows"),
    path("contacts/<str:pk>/reply", ReplyView.as_view(), name="contact-reply"),
]
