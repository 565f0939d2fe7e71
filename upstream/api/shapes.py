"""The shapes of this room's documents and bodies."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from common.rest import Body, Instant
from contacts.api.shapes import PAGING, NamedShape, page_of
from upstream.models import Application, Invitation, Invitee, Partner, Share
from upstream.rules.visibility import Reason

__all__ = ["PAGING", "NamedShape", "page_of"]


def ids(help_text: str = "", **options: object) -> serializers.ListField:
    """A field of several ids."""
    return serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=500, help_text=help_text, **options
    )


def question(name: str, text: str, kind: type = str) -> OpenApiParameter:
    """A filter of a list."""
    return OpenApiParameter(name, kind, description=text)


SPACE_QUESTIONS = [
    *PAGING,
    question("search", "The name contains."),
    question("series", "A series' id; none: spaces of no series."),
]
PARTNER_QUESTIONS = [
    *PAGING,
    question("search", "Any name, short name or alias contains it, as written, in pinyin or by initials; or a person."),
    question("space", "A space's id."),
    question("series", "A series' id: all its spaces as one."),
    question("subgroup", "A subgroup's id, those below included; none: in no subgroup."),
    OpenApiParameter("kind", str, enum=list(Partner.Kind.values)),
    question("owner", "A member's id; me; none."),
    question("virtual", "Known by name only, or verified.", bool),
    question("region", "The region is."),
]
PEOPLE_QUESTIONS = [
    *PAGING,
    question("search", "The name begins with it, as written, in pinyin or by initials; or the phone number is."),
    question("space", "A space's id."),
    question("series", "A series' id."),
    question("partner", "A partner's id: all people of this partner."),
    question("subgroup", "A subgroup's id, those below included."),
    question("customer", "Is a customer as well, or not.", bool),
    question("leader", "Leads the partner, or not.", bool),
]


class FillShape(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField()


class SpaceShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    series = NamedShape(allow_null=True)
    number = serializers.IntegerField(allow_null=True, help_text="In its series.")
    partners_open = serializers.BooleanField()
    partners = FillShape()
    members = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class SpaceBody(Body):
    name = serializers.CharField(max_length=128)
    purpose = serializers.CharField(max_length=500, required=False, allow_blank=True)
    partners_open = serializers.BooleanField(required=False, help_text="Partners see each other.")


class NewSpace(SpaceBody):
    series = serializers.UUIDField(required=False, help_text="Becomes the next space of this series.")


class SeriesShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    spaces = NamedShape(many=True)
    partners = FillShape(help_text="Over all its spaces.")


class NewSeries(Body):
    name = serializers.CharField(max_length=48)
    purpose = serializers.CharField(max_length=500, required=False, allow_blank=True)
    partners_open = serializers.BooleanField(required=False)


class SubgroupShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)
    position = serializers.IntegerField()


class SubgroupBody(Body):
    name = serializers.CharField(max_length=128)
    parent = serializers.UUIDField(required=False, allow_null=True)
    position = serializers.IntegerField(min_value=0, max_value=10000, required=False)


class PartnerShape(serializers.Serializer):
    id = serializers.UUIDField()
    space = NamedShape()
    name = serializers.CharField()
    short_name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    region = serializers.CharField()
    kind = serializers.ChoiceField(Partner.Kind.choices)
    owner = NamedShape(allow_null=True)
    virtual = serializers.BooleanField()
    credit_code = serializers.CharField()
    verified_at = serializers.DateTimeField(allow_null=True)
    people = FillShape()
    subgroups = NamedShape(many=True)
    joined_at = serializers.DateTimeField()


class PartnerBody(Body):
    name = serializers.CharField(max_length=128)
    short_name = serializers.CharField(max_length=64, required=False, allow_blank=True)
    aliases = serializers.ListField(child=serializers.CharField(max_length=128), required=False, max_length=20)
    region = serializers.CharField(max_length=64, required=False, allow_blank=True)
    kind = serializers.ChoiceField(Partner.Kind.choices, required=False)
    owner = serializers.UUIDField(required=False, allow_null=True, help_text="A member of yours.")
    subgroups = ids("Of the space; replaces those that it is in.")


class NewPartner(PartnerBody):
    virtual = serializers.BooleanField(required=False, help_text="Known by a name only.")
    credit_code = serializers.CharField(max_length=32, required=False, allow_blank=True)


class NewPartnerAnywhere(NewPartner):
    space = serializers.UUIDField(required=False)
    series = serializers.UUIDField(required=False, help_text="The space of it that has room; the next opens by itself.")


class PartnerVerification(Body):
    name = serializers.CharField(
        max_length=128, required=False, help_text="As registered; the old name stays an alias."
    )
    credit_code = serializers.CharField(max_length=32)


class PartnerMove(Body):
    space = serializers.UUIDField()
    subgroups = ids("Of the new space.")


class PartnerSplit(Body):
    contacts = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=10000)
    name = serializers.CharField(max_length=128)
    short_name = serializers.CharField(max_length=64, required=False, allow_blank=True)


class PartnerMerge(Body):
    into = serializers.UUIDField(help_text="The partner that stays.")


class SeatShape(serializers.Serializer):
    id = serializers.UUIDField()
    person = serializers.UUIDField(help_text="The same in every space.")
    name = serializers.CharField()
    phone = serializers.CharField()
    email = serializers.CharField()
    title = serializers.CharField()
    leader = serializers.BooleanField()
    partner = NamedShape()
    space = NamedShape()
    also_in = NamedShape(many=True, help_text="Other spaces.")
    customer = NamedShape(allow_null=True, help_text="The same person as a customer, if you see that one.")
    source = serializers.CharField()
    joined_at = serializers.DateTimeField()


class SeatEdit(Body):
    name = serializers.CharField(max_length=64, required=False)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    title = serializers.CharField(max_length=64, required=False, allow_blank=True)
    leader = serializers.BooleanField(required=False)


class NewSeat(SeatEdit):
    partner = serializers.UUIDField(help_text="Of this space.")
    name = serializers.CharField(max_length=64)
    customer = serializers.UUIDField(required=False, help_text="A contact: the same person.")


class CustomerBody(Body):
    contact = serializers.UUIDField(allow_null=True, help_text="Null: is no customer.")


class SpaceMemberShape(serializers.Serializer):
    member = NamedShape()
    subgroups = NamedShape(many=True, help_text="Empty: in the whole space.")
    since = serializers.DateTimeField()


class NewSpaceMembers(Body):
    members = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=1000)
    subgroups = ids("In the space only for these; left out: for the whole of it.")


class SpaceMemberBody(Body):
    subgroups = ids("Empty: in the whole space.")


class CorrespondenceShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    members = NamedShape(many=True)
    departments = NamedShape(many=True)
    subgroups = NamedShape(many=True)
    partners = NamedShape(many=True)


class CorrespondenceBody(Body):
    name = serializers.CharField(max_length=64)
    members = ids()
    departments = ids("Those below included.")
    subgroups = ids("Those below included.")
    partners = ids()


class SightShape(serializers.Serializer):
    what = serializers.ChoiceField([("member", "member"), ("partner", "partner")])
    id = serializers.UUIDField()
    name = serializers.CharField()
    visible = serializers.BooleanField()
    reason = serializers.ChoiceField(Reason.choices())
    detail = serializers.CharField()
    rule = NamedShape(allow_null=True)


class SightsShape(serializers.Serializer):
    viewer = NamedShape()
    results = SightShape(many=True)


SpacePage = page_of(SpaceShape)
SeriesPage = page_of(SeriesShape)
SubgroupPage = page_of(SubgroupShape)
PartnerPage = page_of(PartnerShape)
PeoplePage = page_of(SeatShape)
SpaceMemberPage = page_of(SpaceMemberShape)
CorrespondencePage = page_of(CorrespondenceShape)


class InvitationShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Invitation.Kind.choices)
    space = NamedShape(allow_null=True)
    series = NamedShape(allow_null=True)
    subgroup = NamedShape(allow_null=True)
    chat = NamedShape(allow_null=True, help_text="The group chat that it leads into as well.")
    source = serializers.CharField()
    approval = serializers.BooleanField()
    url = serializers.URLField(allow_null=True, help_text="The link; null for personal ones, each has its own.")
    qr_svg = serializers.URLField(allow_null=True, help_text="Its QR code; may be embedded in other pages.")
    qr_png = serializers.URLField(allow_null=True)
    works = serializers.BooleanField(help_text="Can somebody still come in by it?")
    uses = serializers.IntegerField()
    max_uses = serializers.IntegerField(allow_null=True)
    opens = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewInvitation(Body):
    space = serializers.UUIDField(required=False)
    series = serializers.UUIDField(required=False, help_text="Whoever comes in is put into the space with room.")
    subgroup = serializers.UUIDField(required=False, help_text="Of the space.")
    chat = serializers.UUIDField(
        required=False, help_text="A group chat of the space that is open for it: joining it joins the space."
    )
    source = serializers.CharField(max_length=32, required=False, allow_blank=True)
    approval = serializers.BooleanField(required=False)
    days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    max_uses = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)


class NewSpaceInvitation(NewInvitation):
    space = None
    series = None


class CustomersInvitation(Body):
    space = serializers.UUIDField(required=False)
    series = serializers.UUIDField(required=False)
    subgroup = serializers.UUIDField(required=False)
    source = serializers.CharField(max_length=32, required=False, allow_blank=True)
    approval = serializers.BooleanField(required=False)
    days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10000, help_text="Contacts.")
    filter = serializers.DictField(required=False, help_text="As for GET contacts.")
    dry_run = serializers.BooleanField(required=False, help_text="Only say how many, and why not the others.")


class CustomersShape(serializers.Serializer):
    invitation = serializers.UUIDField(allow_null=True)
    invited = serializers.IntegerField()
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="lost, joined, invited: how many.")


class InviteeShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = NamedShape()
    inviter = NamedShape(allow_null=True)
    state = serializers.ChoiceField(Invitee.State.choices)
    url = serializers.URLField()
    sent_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    reminded_at = serializers.DateTimeField(allow_null=True)


class SentBody(Body):
    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=1000, help_text="Invitees.")


class InviteeNumberShape(serializers.Serializer):
    number = serializers.IntegerField()


class ApplicationShape(serializers.Serializer):
    id = serializers.UUIDField()
    invitation = serializers.UUIDField()
    company = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(Application.State.choices)
    reason = serializers.ChoiceField([("", ""), *Application.Reason.choices])
    partner = serializers.UUIDField(allow_null=True, help_text="Which it became part of, or probably is.")
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class ApprovalBody(Body):
    partner = serializers.UUIDField(required=False, help_text="Left out: by the company's name, or a new partner.")


InvitationPage = page_of(InvitationShape)
InviteePage = page_of(InviteeShape)
ApplicationPage = page_of(ApplicationShape)


class SharedItemShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Share.Kind.choices)
    title = serializers.CharField()
    note = serializers.CharField()
    url = serializers.CharField()
    file_name = serializers.CharField()
    size = serializers.IntegerField()
    starts_at = serializers.DateTimeField(allow_null=True)
    space = NamedShape(allow_null=True)
    series = NamedShape(allow_null=True)
    subgroup = NamedShape(allow_null=True)
    people = serializers.IntegerField(
        help_text="How many people opened it; a partner's enterprise that is connected counts as one."
    )
    opens = serializers.IntegerField(help_text="How often, all together.")
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class NewShare(Body):
    kind = serializers.ChoiceField(Share.Kind.choices)
    title = serializers.CharField(max_length=128)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)
    url = serializers.CharField(max_length=2000, required=False, help_text="For all kinds but files.")
    file = serializers.FileField(required=False, help_text="For the kind file; at most 20 MB.")
    starts_at = Instant(required=False, allow_null=True, help_text="Of a meeting.")
    space = serializers.UUIDField(required=False)
    series = serializers.UUIDField(required=False)
    subgroup = serializers.UUIDField(required=False, help_text="Of the space; those below have it as well.")


class WorkbenchShape(serializers.Serializer):
    url = serializers.URLField(
        help_text="For this person alone: each device is asked for the phone's last four digits."
    )
    expires_at = serializers.DateTimeField()


SharePage = page_of(SharedItemShape)
