"""REST: collaborators of a contact, one's own collaborations, and the rules (O1-O3, O5)."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collaboration.models import Invitation
from collaboration.models.grants import LEVELS
from collaboration.queries import grants as queries
from collaboration.queries import reach
from collaboration.services import grants as services
from collaboration.services import rules
from common.rest import Body, Instant
from contacts.api.contacts import ContactView, member
from contacts.api.shapes import NamedShape
from contacts.models import Grant
from contacts.queries import Rule
from contacts.rules import Right
from enterprises.api.shapes import filters, page_of
from enterprises.models import Member, Role
from enterprises.rest import TenantAPIView, get_or_404

STATES = (("active", "active"), ("invited", "invited"))


class CollaboratorAtShape(serializers.Serializer):
    member = NamedShape()
    level = serializers.ChoiceField(LEVELS)
    state = serializers.ChoiceField(STATES, help_text="invited: has not accepted yet and has no right so far.")
    since = serializers.DateTimeField()
    by = NamedShape(allow_null=True, help_text="Who invited.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="From then on it gives nothing.")
    message = serializers.CharField()


class CollaboratorsShape(serializers.Serializer):
    results = CollaboratorAtShape(many=True)


class NewCollaborator(Body):
    member = serializers.UUIDField(help_text="An active colleague who sees what they are related to.")
    level = serializers.ChoiceField(LEVELS)
    expires_at = Instant(required=False, allow_null=True, help_text="For good when left out.")
    message = serializers.CharField(max_length=services.MESSAGE, required=False, allow_blank=True)


class CollaboratorChange(Body):
    level = serializers.ChoiceField(LEVELS, required=False)
    expires_at = Instant(required=False, allow_null=True, help_text="Null: for good.")


class CollaborationShape(serializers.Serializer):
    contact = NamedShape()
    owner = NamedShape(allow_null=True)
    level = serializers.ChoiceField(LEVELS)
    since = serializers.DateTimeField()
    by = NamedShape(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class CollaborationInvitationShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = serializers.CharField(help_text="Its name; the contact itself is not visible before.")
    level = serializers.ChoiceField(LEVELS)
    by = NamedShape(allow_null=True)
    message = serializers.CharField()
    invited_at = serializers.DateTimeField()
    lapses_at = serializers.DateTimeField(help_text="Until when it can be accepted.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the collaboration would end.")


class CollaborationRuleShape(serializers.Serializer):
    role = NamedShape()
    invites = serializers.BooleanField(help_text="Does the role give contacts.share? Changed with the role.")
    highest = serializers.ChoiceField(LEVELS)
    most = serializers.IntegerField(help_text="Collaborators per contact, open invitations included.")
    own_number = serializers.BooleanField(help_text="False: the number of the policy.")
    asks = serializers.BooleanField(help_text="Do the invited have to accept?")


class CollaborationRulesShape(serializers.Serializer):
    results = CollaborationRuleShape(many=True)


class CollaborationRuleChange(Body):
    highest = serializers.ChoiceField(LEVELS, required=False)
    most = serializers.IntegerField(
        min_value=0, max_value=rules.MOST, required=False, allow_null=True, help_text="Null: the policy's number."
    )
    asks = serializers.BooleanField(required=False)


class ReachShape(serializers.Serializer):
    rule = serializers.ChoiceField(Rule.choices())
    contacts = serializers.IntegerField(help_text="Of those that the caller sees.")
    exact = serializers.BooleanField(help_text="False: an estimate (more than 10 000).")


class MemberReachShape(serializers.Serializer):
    member = NamedShape()
    role = serializers.CharField()
    departments = serializers.ListField(child=serializers.CharField(), help_text="Given to a graded admin.")
    results = ReachShape(many=True)


def named(one: Any) -> dict[str, Any] | None:
    """A member or contact as a reference."""
    return {"id": one.pk, "name": one.name} if one is not None else None


class CollaboratorsView(ContactView):
    """Who collaborates on a contact or is invited to, and inviting somebody."""

    permissions = {"GET": "contacts.view", "POST": Right.SHARE.code}

    @extend_schema(operation_id="contacts_collaborators_list", responses=CollaboratorsShape)
    def get(self, request: Request, pk: str) -> Response:
        found = queries.collaborators(self.contact(pk))
        return Response({"results": [queries.represent(one) for one in found]})

    @extend_schema(request=NewCollaborator, responses={201: CollaboratorAtShape})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        data = self.read(NewCollaborator)
        member(data, "member")
        services.invite(self.actor, contact=contact, **data)
        made = queries.collaborator(contact, data["member"])
        assert made is not None
        return Response(queries.represent(made), status=201)


class CollaboratorView(ContactView):
    """One collaborator or invited member of a contact. Collaborators may remove themselves."""

    permissions = {"PATCH": Right.SHARE.code, "DELETE": "contacts.view"}

    @extend_schema(request=CollaboratorChange, responses=CollaboratorAtShape)
    def patch(self, request: Request, pk: str, member_id: str) -> Response:
        contact, whom = self.contact(pk), get_or_404(Member.objects.all(), member_id)
        services.change(self.actor, contact=contact, member=whom, changes=self.read(CollaboratorChange))
        changed = queries.collaborator(contact, whom)
        assert changed is not None
        return Response(queries.represent(changed))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str, member_id: str) -> Response:
        contact, whom = self.contact(pk), get_or_404(Member.objects.all(), member_id)
        services.remove(self.actor, contact=contact, member=whom)
        return Response(status=204)


class CollaborationsView(TenantAPIView):
    """What the caller collaborates on, the newest first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(parameters=filters(), responses=page_of(CollaborationShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        return self.page(queries.mine(self.actor), self._represent, orderings=("granted_at",), default="-granted_at")

    @staticmethod
    def _represent(grant: Grant) -> dict[str, Any]:
        return {
            "contact": named(grant.contact),
            "owner": named(grant.contact.owner),
            "level": grant.level,
            "since": grant.granted_at,
            "by": named(grant.granted_by),
            "expires_at": grant.expires_at,
        }


class InvitationsView(TenantAPIView):
    """The open invitations to the caller, the newest first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(parameters=filters(), responses=page_of(CollaborationInvitationShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        found = queries.invitations(self.actor)
        return self.page(found, represent_invitation, orderings=("invited_at",), default="-invited_at")


def represent_invitation(one: Invitation) -> dict[str, Any]:
    """An invitation as the invited sees it."""
    return {
        "id": one.pk,
        "contact": str(one.contact),
        "level": one.level,
        "by": named(one.invited_by),
        "message": one.message,
        "invited_at": one.invited_at,
        "lapses_at": one.lapses_at,
        "expires_at": one.expires_at,
    }


class AcceptView(TenantAPIView):
    """Accept an invitation: the contact is visible from now on."""

    permissions = {"POST": "contacts.view"}

    @extend_schema(request=None, responses=CollaborationShape)
    def post(self, request: Request, pk: str) -> Response:
        invitation = get_or_404(queries.invitations(self.actor), pk)
        services.accept(self.actor, invitation=invitation)
        return Response(CollaborationsView._represent(queries.mine(self.actor).get(contact=invitation.contact_id)))


class DeclineView(TenantAPIView):
    """Decline an invitation."""

    permissions = {"POST": "contacts.view"}

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: str) -> Response:
        services.decline(self.actor, invitation=get_or_404(queries.invitations(self.actor), pk))
        return Response(status=204)


class RulesView(TenantAPIView):
    """What each role may give to collaborators."""

    permissions = {"GET": "policy.manage"}

    @extend_schema(operation_id="collaborations_rules_list", responses=CollaborationRulesShape)
    def get(self, request: Request) -> Response:
        return Response({"results": [represent_rule(*one) for one in queries.rules()]})


class RuleView(TenantAPIView):
    """The rule of one role."""

    permissions = {"PATCH": "policy.manage"}

    @extend_schema(request=CollaborationRuleChange, responses=CollaborationRuleShape)
    def patch(self, request: Request, pk: str) -> Response:
        role = get_or_404(Role.objects.all(), pk)
        asked = CollaborationRuleChange(data=request.data)
        asked.is_valid(raise_exception=True)
        rules.set_rule(self.actor, role=role, changes=dict(asked.validated_data))
        return Response(next(represent_rule(*one) for one in queries.rules() if one[0].pk == role.pk))


def represent_rule(role: Role, rule: Any, terms: Any) -> dict[str, Any]:
    """A rule as the API shows it."""
    return {
        "role": {"id": role.pk, "name": role.label},
        "invites": Right.SHARE.code in role.codes,
        "highest": terms.highest,
        "most": terms.most,
        "own_number": rule is not None and rule.most is not None,
        "asks": terms.asks,
    }


class MemberReachView(TenantAPIView):
    """How many contacts a member sees, and by which rule (O5)."""

    permissions = {"GET": "members.view"}

    @extend_schema(operation_id="members_visibility", responses=MemberReachShape)
    def get(self, request: Request, pk: str) -> Response:
        whom = get_or_404(Member.objects.select_related("role"), pk)
        found = reach.reach(self.actor, whom)
        return Response(
            {
                "member": named(whom),
                "role": whom.role.label,
                "departments": found.departments,
                "results": [
                    {"rule": rule, "contacts": count.value, "exact": count.exact} for rule, count in found.rules
                ],
            }
        )


urlpatterns = [
    path("contacts/<uuid:pk>/collaborators", CollaboratorsView.as_view(), name="contact-collaborators"),
    path("contacts/<uuid:pk>/collaborators/<uuid:member_id>", CollaboratorView.as_view(), name="contact-collaborator"),
    path("collaborations", CollaborationsView.as_view(), name="collaborations"),
    path("collaborations/invitations", InvitationsView.as_view(), name="collaboration-invitations"),
    path("collaborations/invitations/<uuid:pk>/accept", AcceptView.as_view(), name="collaboration-accept"),
    path("collaborations/invitations/<uuid:pk>/decline", DeclineView.as_view(), name="collaboration-decline"),
    path("collaborations/rules", RulesView.as_view(), name="collaboration-rules"),
    path("collaborations/rules/<uuid:pk>", RuleView.as_view(), name="collaboration-rule"),
    path("members/<uuid:pk>/visibility", MemberReachView.as_view(), name="member-visibility"),
]
