"""The tables of upstream and downstream, a module per noun."""

from upstream.models.access import CorrespondenceRule, RuleEnd, SpaceMember, SubgroupMember
from upstream.models.bridge import Bridge, EndedBy, JoinedSpace
from upstream.models.chats import ChatSeat, SpaceChat
from upstream.models.joining import Application, Invitation, Invitee
from upstream.models.messaging import Message, MessageDelivery
from upstream.models.people import CustomerLink, PartnerContact, Person
from upstream.models.sharing import Share, ShareOpen, WorkbenchLink
from upstream.models.structure import Partner, PartnerPlace, Series, Space, SpaceAccount, SpaceName, Subgroup

__all__ = [
    "Application",
    "Bridge",
    "ChatSeat",
    "CorrespondenceRule",
    "CustomerLink",
    "EndedBy",
    "Invitation",
    "Invitee",
    "JoinedSpace",
    "Message",
    "MessageDelivery",
    "Partner",
    "PartnerContact",
    "PartnerPlace",
    "Person",
    "RuleEnd",
    "Series",
    "Share",
    "ShareOpen",
    "Space",
    "SpaceAccount",
    "SpaceChat",
    "SpaceMember",
    "SpaceName",
    "Subgroup",
    "SubgroupMember",
    "WorkbenchLink",
]
