"""The shapes of messages to partners, and of what became of them."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from common.rest import Body, Instant
from upstream.api.shapes import PAGING, NamedShape, page_of, question
from upstream.models import Message, MessageDelivery, Partner
from upstream.rules.audience import MOST

MESSAGE_QUESTIONS = [
    *PAGING,
    question("space", "A space's id: messages that go into it."),
    question("series", "A series' id."),
    OpenApiParameter("state", str, enum=list(Message.State.values)),
]
DELIVERY_QUESTIONS = [*PAGING, OpenApiParameter("state", str, enum=list(MessageDelivery.State.values))]


def _ids(help_text: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST, help_text=help_text)


class AudienceShape(serializers.Serializer):
    spaces = _ids("Everybody in these spaces.")
    series = _ids("Everybody in all spaces of these series.")
    subgroups = _ids("Everybody in these subgroups and below.")
    partners = _ids("Everybody of these partners.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField(Partner.Kind.choices),
        required=False,
        max_length=20,
        help_text="Of these, only people of partners of such a kind.",
    )
    regions = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=MOST,
        help_text="Of these, only people of partners in such a region.",
    )
    leaders = serializers.BooleanField(required=False, help_text="Of these, only those who lead their partner.")
    but_subgroups = _ids("Nobody in these subgroups and below, wherever else they are.")
    but_partners = _ids("Nobody of these partners, wherever else they are.")
    but_persons = _ids("None of these persons (`person` of a partner contact).")


class AudienceBody(AudienceShape, Body):
    pass


class LeftOutShape(serializers.Serializer):
    excluded = serializers.IntegerField(help_text="Is excluded.")
    unseen = serializers.IntegerField(help_text="The sender does not correspond with the partner.")
    duplicate = serializers.IntegerField(help_text="Further places of people who get it once.")


class AudiencePreviewShape(serializers.Serializer):
    people = serializers.IntegerField(help_text="Who gets it.")
    without_workbench = serializers.IntegerField(
        help_text="Who of them has no workbench link that works, and reads it when they get one."
    )
    left_out = LeftOutShape()


class MessageShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Message.Kind.choices)
    title = serializers.CharField()
    text = serializers.CharField()
    url = serializers.CharField()
    file_name = serializers.CharField()
    size = serializers.IntegerField()
    audience = AudienceShape()
    channel = serializers.CharField(help_text="The way it goes; workbench unless a connection offers another.")
    state = serializers.ChoiceField(Message.State.choices)
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is or was to be sent, if later than at once."
    )
    begun_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when nobody finds it in the workbench any more."
    )
    job = serializers.UUIDField(allow_null=True, help_text="The job that sends it.")
    people = serializers.IntegerField(help_text="Who gets it, as far as they are queued.")
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField(help_text="People, each once.")
    clicked = serializers.IntegerField(help_text="People who followed the link or fetched the file, each once.")
    failed = serializers.IntegerField()
    sender = NamedShape(allow_null=True)
    created_at = serializers.DateTimeField()


class MessageBody(Body):
    kind = serializers.ChoiceField(Message.Kind.choices, required=False)
    title = serializers.CharField(max_length=128, required=False)
    text = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    url = serializers.CharField(
        max_length=2000, required=False, allow_blank=True, help_text="For links and mini-programs."
    )
    audience = AudienceBody(required=False)
    channel = serializers.CharField(max_length=16, required=False)


class NewMessage(MessageBody):
    title = serializers.CharField(max_length=128)


class NewSpaceMessage(NewMessage):
    audience = None


class MessageFile(Body):
    file = serializers.FileField(help_text="At most 20 MB: documents, pictures, sound, video, archives.")


class SendBody(Body):
    at = Instant(required=False, allow_null=True, help_text="Left out: now.")


class MessageDeliveryShape(serializers.Serializer):
    id = serializers.UUIDField()
    person = NamedShape()
    partner = NamedShape(allow_null=True, help_text="Null when they have left.")
    space = NamedShape(allow_null=True, help_text="Where they read it.")
    state = serializers.ChoiceField(MessageDelivery.State.choices)
    reason = serializers.CharField(help_text="Why it failed.")
    delivered_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    clicked_at = serializers.DateTimeField(allow_null=True)


class ExportJobShape(serializers.Serializer):
    job = serializers.UUIDField(help_text="Its report is the file.")


MessagePage = page_of(MessageShape)
DeliveryPage = page_of(MessageDeliveryShape)
