"""The shapes of this room's documents and bodies. Answers are written by `contacts.queries.documents`."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from common.rest import Body, Instant
from contacts.filters import ContactFilterSet
from contacts.models import Contact
from contacts.queries import Rule
from contacts.rules import GRANTED, Activity, Grade, GradeSource, Kind, Side, Status, TagColour
from enterprises.api.shapes import PAGING, CountShape, Moment, page_of

__all__ = ["PAGING", "CountShape", "page_of"]

RECORDED = [(kind.value, kind.label) for kind in Kind if kind.side is not Side.SYSTEM]


class NamedShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class FollowerShape(serializers.Serializer):
    member = NamedShape()
    added_at = serializers.DateTimeField()
    remark = serializers.CharField()
    source = serializers.CharField()


class CollaboratorShape(serializers.Serializer):
    member = NamedShape()
    level = serializers.ChoiceField([(level.value, level.label) for level in GRANTED])
    expires_at = serializers.DateTimeField(allow_null=True)


class TagShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    group = serializers.CharField()


class ContactShape(serializers.Serializer):
    id = serializers.UUIDField()
    external_userid = serializers.CharField()
    unionid = serializers.CharField()
    name = serializers.CharField()
    remark = serializers.CharField()
    kind = serializers.ChoiceField(Contact.Kind.choices)
    company = serializers.CharField()
    phones = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(Status.choices())
    owner = NamedShape(allow_null=True)
    followers = FollowerShape(many=True)
    collaborators = CollaboratorShape(many=True)
    grade = serializers.ChoiceField(Grade.choices())
    grade_source = serializers.ChoiceField(GradeSource.choices())
    spend_365d = serializers.DecimalField(14, 2)
    activity = serializers.ChoiceField(Activity.choices())
    inactive = serializers.BooleanField()
    last_contact_at = serializers.DateTimeField()
    last_customer_at = serializers.DateTimeField(allow_null=True)
    added_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)
    tags = TagShape(many=True)
    spaces = NamedShape(many=True)


class ContactDetailShape(ContactShape):
    description = serializers.CharField()
    lost_at = serializers.DateTimeField(allow_null=True)


class SearchQuery(Body):
    q = serializers.CharField(max_length=128, default="", allow_blank=True)
    size = serializers.IntegerField(min_value=1, max_value=20, default=8)


class FoundContactShape(serializers.Serializer):
    id = serializers.UUIDField()
    external_userid = serializers.CharField()
    name = serializers.CharField()
    remark = serializers.CharField()
    kind = serializers.ChoiceField(Contact.Kind.choices)
    company = serializers.CharField()
    status = serializers.ChoiceField(Status.choices())
    owner = NamedShape(allow_null=True)
    called = serializers.CharField(
        help_text="The remark of a friend that `q` means, when name, remark and company do not tell why it is found."
    )


class FoundShape(serializers.Serializer):
    results = FoundContactShape(many=True)


CONTACT_ORDERINGS = ("added_at", "last_contact_at", "spend", "name")
CONTACT_FILTERS = [
    *PAGING,
    OpenApiParameter("ordering", str, enum=[sign + name for name in CONTACT_ORDERINGS for sign in ("", "-")]),
    *(
        OpenApiParameter(name, str, description=question.extra["help_text"])
        for name, question in ContactFilterSet.base_filters.items()
    ),
]


class NewContact(Body):
    external_userid = serializers.RegexField(r"^\S{1,64}$")
    name = serializers.CharField(max_length=128)
    kind = serializers.ChoiceField(Contact.Kind.choices, default=Contact.Kind.WECHAT)
    remark = serializers.CharField(max_length=128, required=False, allow_blank=True)
    company = serializers.CharField(max_length=128, required=False, allow_blank=True)
    phones = serializers.ListField(child=serializers.CharField(max_length=32), required=False, max_length=10)
    follower = serializers.UUIDField(
        required=False, help_text="The member who adds; the caller when left out. Others need contacts.assign."
    )
    source = serializers.CharField(max_length=32, required=False, allow_blank=True)


class ContactEdit(Body):
    name = serializers.CharField(max_length=128, required=False)
    remark = serializers.CharField(max_length=128, required=False, allow_blank=True)
    company = serializers.CharField(max_length=128, required=False, allow_blank=True)
    phones = serializers.ListField(child=serializers.CharField(max_length=32), required=False, max_length=10)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    kind = serializers.ChoiceField(Contact.Kind.choices, required=False)


class NewInteraction(Body):
    kind = serializers.ChoiceField(RECORDED)
    at = Instant(required=False, help_text="When it happened; now when left out.")
    member = serializers.UUIDField(required=False, help_text="Whom of ours it concerned.")
    key = serializers.CharField(
        max_length=128, required=False, allow_blank=True, help_text="The same key again changes nothing."
    )
    data = serializers.DictField(required=False)


class NewPurchase(Body):
    order_no = serializers.CharField(max_length=64)
    paid_at = Instant(required=False, help_text="Now when left out.")
    amount = serializers.DecimalField(12, 2, help_text="CNY; negative for a refund.")


class PurchaseShape(serializers.Serializer):
    id = serializers.UUIDField()
    order_no = serializers.CharField()
    refund = serializers.BooleanField()
    paid_at = Moment()
    amount = serializers.DecimalField(12, 2)


class EventShape(serializers.Serializer):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(Kind.choices())
    side = serializers.ChoiceField(Side.choices())
    member = NamedShape(allow_null=True)
    data = serializers.DictField()


class TagChange(Body):
    add = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=50)
    remove = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=50)


class OwnerChange(Body):
    owner = serializers.UUIDField(help_text="An active member.")


class GradeChange(Body):
    grade = serializers.ChoiceField(Grade.choices(), allow_null=True, help_text="Null: by spending again.")


class NewFollow(Body):
    member = serializers.UUIDField(required=False, help_text="The caller when left out.")
    remark = serializers.CharField(max_length=128, required=False, allow_blank=True)
    source = serializers.CharField(max_length=32, required=False, allow_blank=True)


class ViewerShape(serializers.Serializer):
    member = NamedShape()
    role = serializers.CharField()
    rules = serializers.ListField(child=serializers.ChoiceField(Rule.choices()))
    departments = serializers.ListField(child=serializers.CharField(), help_text="Given departments that lead here.")
    level = serializers.CharField(allow_null=True, help_text="Of a collaborator.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the collaboration ends.")


class ViewersShape(serializers.Serializer):
    results = ViewerShape(many=True)


class TagGroupShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    colour = serializers.ChoiceField(TagColour.choices())
    position = serializers.IntegerField()
    tags = NamedShape(many=True)


class NewTagGroup(Body):
    name = serializers.CharField(max_length=30)
    colour = serializers.ChoiceField(TagColour.choices(), required=False)
    position = serializers.IntegerField(min_value=0, max_value=10000, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=30), required=False, max_length=100)


class TagEdit(Body):
    name = serializers.CharField(max_length=30, required=False)
    position = serializers.IntegerField(min_value=0, max_value=10000, required=False)


class TagGroupEdit(TagEdit):
    colour = serializers.ChoiceField(TagColour.choices(), required=False)


class NewTag(Body):
    group = serializers.UUIDField()
    name = serializers.CharField(max_length=30)
    position = serializers.IntegerField(min_value=0, max_value=10000, required=False)


class GroupShape(serializers.Serializer):
    id = serializers.UUIDField()
    chat_id = serializers.CharField()
    name = serializers.CharField()
    owner = NamedShape()
    created_at = serializers.DateTimeField()
    dismissed_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(help_text="Outside people in it now.")


class NewGroup(Body):
    name = serializers.CharField(max_length=128)
    owner = serializers.UUIDField(required=False, help_text="The caller when left out. Others need contacts.assign.")
    chat_id = serializers.CharField(max_length=64, required=False)


class GroupEdit(Body):
    name = serializers.CharField(max_length=128, required=False)
    owner = serializers.UUIDField(required=False)


class PersonBody(Body):
    external_userid = serializers.RegexField(r"^\S{1,64}$")
    name = serializers.CharField(
        max_length=128, required=False, allow_blank=True, help_text="Needed for people not known yet."
    )
    kind = serializers.ChoiceField(Contact.Kind.choices, required=False)


class Joining(Body):
    people = PersonBody(many=True, required=False)
    contacts = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="People known already.")


class Leaving(Body):
    contacts = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)


class GroupMemberShape(serializers.Serializer):
    contact = NamedShape()
    status = serializers.ChoiceField(Status.choices())
    joined_at = serializers.DateTimeField()
