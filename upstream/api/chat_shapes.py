"""The shapes of documents and bodies about group chats."""

from rest_framework import serializers

from common.rest import Body
from upstream.api.shapes import FillShape, NamedShape, ids, page_of
from upstream.rules.chats import ChatKind


class ChatShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    space = NamedShape()
    subgroup = NamedShape(allow_null=True, help_text="Only for its partners, and those below.")
    owner = NamedShape()
    joins_space = serializers.BooleanField(help_text="Who joins the group chat by its link joins the space.")
    people = FillShape()
    unfitting = serializers.IntegerField(
        help_text="Partners and members of ours who could not be put in any more, as rules or openness have changed."
    )
    created_at = serializers.DateTimeField()
    dismissed_at = serializers.DateTimeField(allow_null=True)


class ChatListShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    subgroup = NamedShape(allow_null=True)
    owner = NamedShape()
    joins_space = serializers.BooleanField()
    people = FillShape()
    created_at = serializers.DateTimeField()
    dismissed_at = serializers.DateTimeField(allow_null=True)


class ChatBody(Body):
    name = serializers.CharField(max_length=128)
    owner = serializers.UUIDField(required=False, help_text="A member in the space. Left out: the caller.")
    joins_space = serializers.BooleanField(required=False)


class NewChat(ChatBody):
    subgroup = serializers.UUIDField(required=False)


class ChatSeatShape(serializers.Serializer):
    member = NamedShape(allow_null=True, help_text="One of ours,")
    contact = NamedShape(allow_null=True, help_text="or a person of a partner.")
    partner = NamedShape(allow_null=True)
    joined_at = serializers.DateTimeField()


class ChatPeopleBody(Body):
    members = ids("Members of ours who are in the space.")
    people = ids("Partner contacts of the space. A customer's id is refused with 409 other_kind_of_chat.")


class ChatRulesShape(serializers.Serializer):
    kind = serializers.ChoiceField(ChatKind.choices())
    label = serializers.CharField()
    outsiders = serializers.CharField()
    befriend = serializers.BooleanField(help_text="May people from outside add each other.")
    private_chat = serializers.BooleanField(help_text="May they write to each other privately.")
    wechat_users = serializers.BooleanField(help_text="May somebody be in it who uses WeChat only.")
    joining_joins_space = serializers.BooleanField()
    read_receipts = serializers.BooleanField()
    mass_messages = serializers.BooleanField(help_text="Can a mass message go to the chat itself.")
    people = serializers.IntegerField(help_text="Most people in it, ours included.")
    served = serializers.BooleanField(help_text="Do people from outside take places of the scale.")
    creator = serializers.CharField()
    created_in = serializers.CharField()
    source = serializers.CharField()


ChatPage = page_of(ChatListShape)
ChatSeatPage = page_of(ChatSeatShape)
