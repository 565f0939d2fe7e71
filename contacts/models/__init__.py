"""The tables of this room, a module per noun."""

from contacts.models.cleanups import CleanUp, CleanUpItem
from contacts.models.contacts import (
    BulkItem,
    Contact,
    Follow,
    FollowTag,
    GroupChat,
    GroupMember,
    ImportRefusal,
    Interaction,
    Purchase,
    Tag,
    TagGroup,
)
from contacts.models.follow_ups import CalendarFeed, FollowUp, FollowUpFile
from contacts.models.grants import Grant
from contacts.models.merges import ContactMerge, MergeItem
from contacts.models.platform import PlatformComparison, PlatformDifference, PlatformEntry
from contacts.models.search import SearchEntry
from contacts.models.tag_rules import TagRule
from contacts.models.views import SavedView

__all__ = [
    "BulkItem",
    "CalendarFeed",
    "CleanUp",
    "CleanUpItem",
    "Contact",
    "ContactMerge",
    "Follow",
    "FollowTag",
    "FollowUp",
    "FollowUpFile",
    "Grant",
    "GroupChat",
    "GroupMember",
    "ImportRefusal",
    "Interaction",
    "MergeItem",
    "PlatformComparison",
    "PlatformDifference",
    "PlatformEntry",
    "Purchase",
    "SavedView",
    "SearchEntry",
    "Tag",
    "TagGroup",
    "TagRule",
]
