"""Corporate tags in their groups, and on contacts, where a tag belongs to the follow (C13)."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from common.sql import lock
from common.tenancy import current_enterprise_id
from contacts.models import Contact, Follow, FollowTag, Tag, TagGroup, TagRule
from contacts.rules import MOST_TAGS, Right, TagColour, is_reserved_tag
from contacts.services import tag_room
from contacts.services.steps import hold
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Role
from quota.ledger import require_whole_enterprise


def create_tag_group(
    actor: Actor, *, name: str, tags: Sequence[str] = (), position: int = 0, colour: str = TagColour.GREY
) -> TagGroup:
    """Make a group, with its first tags. Raises Conflict name_taken, reserved_name, too_many_tags."""
    actor.require("tags.manage")
    group = TagGroup(name=_named(name), position=position, colour=_coloured(colour))
    _save(group, force_insert=True)
    names = list(dict.fromkeys(_free(tag) for tag in tags))
    make_room(len(names))
    Tag.objects.bulk_create(Tag(group=group, name=tag, position=number) for number, tag in enumerate(names))
    audit.record(actor, "tag_group.created", group, after={"name": group.name, "tags": names})
    return group


def create_tag(actor: Actor, *, group: TagGroup, name: str, position: int = 0) -> Tag:
    """Make a tag. Raises Conflict name_taken when the group has one of this name, reserved_name, too_many_tags."""
    actor.require("tags.manage")
    tag = Tag(group=group, name=_free(name), position=position)
    make_room(1)
    _save(tag, force_insert=True)
    audit.record(actor, "tag.created", tag, after={"name": tag.name, "group": group.name})
    return tag


def edit(actor: Actor, *, row: TagGroup | Tag, **changes: Any) -> None:
    """Change name or position of a tag or a group, and the colour of a group. Raises Conflict name_taken."""
    actor.require("tags.manage")
    if "name" in changes:
        changes["name"] = _free(changes["name"]) if isinstance(row, Tag) else _named(changes["name"])
    if "colour" in changes:
        changes["colour"] = _coloured(changes["colour"])
    before, after = audit.changes(row, changes)
    if after:
        _save(row, update_fields=list(after))
        is_group = isinstance(row, TagGroup)
        audit.record(actor, "tag_group.edited" if is_group else "tag.edited", row, before=before, after=after)


def delete(actor: Actor, *, row: TagGroup | Tag) -> int:
    """Delete a tag, or a group with its tags; they vanish from all contacts. Returns how many contacts wore them.

    For those who see every contact: it changes what all of them wear (O4). Raises Conflict tag_in_use for a tag
    that a rule sets or asks for.
    """
    require_whole_enterprise(actor, "tags.manage")
    tags = Tag.objects.filter(group=row) if isinstance(row, TagGroup) else Tag.objects.filter(pk=row.pk)
    worn = FollowTag.objects.filter(tag__in=tags)
    contacts = worn.values("contact_id").distinct().count()
    names = list(tags.values_list("name", flat=True))
    _not_in_rules(tags)
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
    none: a tag belongs to a relation (C13); too_many_tags when the relation would wear more than WeCom takes.
    """
    contact = hold(actor, contact, Right.TAG)
    follows = list(Follow.objects.filter(contact=contact, state=Follow.State.ACTIVE))
    own = next((follow for follow in follows if follow.member_id == actor.member_id), None)
    target = own or next((follow for follow in follows if follow.member_id == contact.owner_id), None)
    target = target or next(iter(follows), None)
    if target is None and add:
        raise Conflict(_("Nobody is a friend of this contact, so there is no relation to tag."), code="no_follow")
    if target is not None and add:
        tag_room.require(target, add)
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


def make_room(wanted: int) -> None:
    """Raise Conflict too_many_tags when the enterprise would have more tags than WeCom takes; two at once wait here."""
    lock(f"tags:{current_enterprise_id()}")
    if Tag.objects.count() + wanted > MOST_TAGS:
        raise Conflict(
            _("An enterprise has at most %(limit)s tags.") % {"limit": MOST_TAGS}, code="too_many_tags", limit=MOST_TAGS
        )


def _not_in_rules(tags: QuerySet[Tag]) -> None:
    named = set(tags.values_list("pk", flat=True))
    users = [rule.name for rule in TagRule.objects.all() if rule.names(named)]
    if users:
        raise Conflict(
            _("Rules use this tag: %(rules)s. Change or delete them first.") % {"rules": ", ".join(users)},
            code="tag_in_use",
            rules=users,
        )


def _is_staff(actor: Actor) -> bool:
    return actor.member is not None and actor.member.role.scope == Role.Scope.RELATED


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 30:
        raise Invalid({"name": [_("A name has 1 to 30 characters.")]})
    return name.strip()


def _free(name: str) -> str:
    """A name for a tag: the system's own tag is nobody's to imitate (C13)."""
    name = _named(name)
    if is_reserved_tag(name):
        raise Conflict(
            _("“%(name)s” is the system's own tag: it follows from silence and cannot be set by hand.")
            % {"name": name},
            code="reserved_name",
        )
    return name


def _coloured(colour: str) -> str:
    if colour not in set(TagColour):
        raise Invalid({"colour": [_("Choose one of the offered values.")]})
    return TagColour(colour).value


def _save(row: TagGroup | Tag, **options: Any) -> None:
    try:
        with transaction.atomic():
            row.save(**options)
    except IntegrityError as error:
        raise Conflict(_("There is one of this name already."), code="name_taken") from error
