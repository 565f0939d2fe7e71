"""Corporate tags in their groups, and on contacts, where a tag belongs to the follow (C13)."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from contacts.models import Contact, Follow, FollowTag, Tag, TagGroup
from contacts.rules import Right
from contacts.services.steps import hold
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Role


def create_tag_group(actor: Actor, *, name: str, tags: Sequence[str] = (), position: int = 0) -> TagGroup:
    """Make a group, with its first tags. Raises Conflict name_taken."""
    actor.require("tags.manage")
    group = TagGroup(name=_named(name), position=position)
    _save(group, force_insert=True)
    names = list(dict.fromkeys(_named(tag) for tag in tags))
    Tag.objects.bulk_create(Tag(group=group, name=tag, position=number) for number, tag in enumerate(names))
    audit.record(actor, "tag_group.created", group, after={"name": group.name, "tags": names})
    return group


def create_tag(actor: Actor, *, group: TagGroup, name: str, position: int = 0) -> Tag:
    """Make a tag. Raises Conflict name_taken when the group has one of this name."""
    actor.require("tags.manage")
    tag = Tag(group=group, name=_named(name), position=position)
    _save(tag, force_insert=True)
    audit.record(actor, "tag.created", tag, after={"name": tag.name, "group": group.name})
    return tag


def edit(actor: Actor, *, row: TagGroup | Tag, **changes: Any) -> None:
    """Change name or position of a tag or a group. Raises Conflict name_taken."""
    actor.require("tags.manage")
    if "name" in changes:
        changes["name"] = _named(changes["name"])
    before, after = audit.changes(row, changes)
    if after:
        _save(row, update_fields=list(after))
        is_group = isinstance(row, TagGroup)
        audit.record(actor, "tag_group.edited" if is_group else "tag.edited", row, before=before, after=after)


def delete(actor: Actor, *, row: TagGroup | Tag) -> int:
    """Delete a tag, or a group with its tags; they vanish from all contacts. Returns how many contacts wore them."""
    actor.require("tags.manage")
    tags = Tag.objects.filter(group=row) if isinstance(row, TagGroup) else Tag.objects.filter(pk=row.pk)
    worn = FollowTag.objects.filter(tag__in=tags)
    contacts = worn.values("contact_id").distinct().count()
    names = list(tags.values_list("name", flat=True))
    before = {"name": row.name, "tags": names, "contacts": contacts}
    is_group = isinstance(row, TagGroup)
    audit.record(actor, "tag_group.deleted" if is_group else "tag.deleted", row, before=before)
    worn.delete()
    tags.delete()
    if is_group:
        TagGroup.objects.filter(pk=row.pk).delete()
    return contacts


def tag_contact(
    actor: Actor, *, contact: Contact, add: Sequence[Tag] = (), remove: Sequence[Tag] = ()
) -> tuple[list[str], list[str]]:
    """Put tags on a contact and take some off; returns the names that changed.

    A tag goes to the caller's follow. Somebody who is no friend of the contact acts on the owner's follow, or
    else on the oldest one; taking off, they take it off every follow. Raises Conflict no_follow when there is
    none: a tag belongs to a relation (C13).
    """
    contact = hold(actor, contact, Right.TAG)
    follows = list(Follow.objects.filter(contact=contact, state=Follow.State.ACTIVE))
    own = next((follow for follow in follows if follow.member_id == actor.member_id), None)
    target = own or next((follow for follow in follows if follow.member_id == contact.owner_id), None)
    target = target or next(iter(follows), None)
    if target is None and add:
        raise Conflict(_("Nobody is a friend of this contact, so there is no relation to tag."), code="no_follow")
    before = set(FollowTag.objects.filter(contact=contact).values_list("tag__name", flat=True))
    FollowTag.objects.bulk_create(
        [FollowTag(follow=target, contact=contact, tag=tag) for tag in add], ignore_conflicts=True
    )
    worn = FollowTag.objects.filter(contact=contact, tag__in=remove)
    (worn.filter(follow=own) if own and _is_staff(actor) else worn).delete()
    after = set(FollowTag.objects.filter(contact=contact).values_list("tag__name", flat=True))
    added, removed = sorted(after - before), sorted(before - after)
    if added or removed:
        audit.record(actor, "contact.tagged", contact, before={"tags": sorted(before)}, after={"tags": sorted(after)})
    return added, removed


def _is_staff(actor: Actor) -> bool:
    return actor.member is not None and actor.member.role.scope == Role.Scope.RELATED


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 30:
        raise Invalid({"name": [_("A name has 1 to 30 characters.")]})
    return name.strip()


def _save(row: TagGroup | Tag, **options: Any) -> None:
    try:
        with transaction.atomic():
            row.save(**options)
    except IntegrityError as error:
        raise Conflict(_("There is one of this name already."), code="name_taken") from error
