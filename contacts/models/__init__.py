"""The tables of this room, a module per noun."""

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
from contacts.models.search import SearchEntry

__all__ = [
    "BulkItem",
    "Contact",
    "Follow",
    "FollowTag",
    "GroupChat",
    "GroupMember",
    "ImportRefusal",
    "Interaction",
    "Purchase",
    "SearchEntry",
    "Tag",
    "TagGroup",
]
