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
    "Tag",
    "TagGroup",
]
