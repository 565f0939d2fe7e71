"""Merging two tags: every contact that wears the one wears the other, and the one is gone (C13)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from common.ids import parse_uuid
from common.sql import execute, row
from common.tenancy import current_enterprise_id
from contacts.models import Contact, FollowTag, Tag, TagRule
from contacts.services import tag_rules, views
from enterprises import audit
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext

JOB = "contacts.merge_tags"
STEP = 20_000

_MOVE = """
WITH moved AS (
    DELETE FROM contacts_followtag AS gone WHERE gone.enterprise_id = %(enterprise)s AND gone.id IN (
        SELECT id FROM contacts_followtag WHERE enterprise_id = %(enterprise)s AND tag_id = %(tag)s LIMIT %(step)s)
    RETURNING gone.follow_id, gone.contact_id, gone.rule_id
), made AS (
    INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id, rule_id)
    SELECT uuid7(), %(enterprise)s, follow_id, contact_id, %(into)s, rule_id FROM moved
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM moved
"""


@dataclass(frozen=True)
class Preview:
    """What a merge would do. `both`: of the contacts, how many wear the tag that stays already."""

    contacts: int
    both: int
    rules: list[str]
    views: int


def preview(actor: Actor, *, tag: Tag, into: Tag) -> Preview:
    """The merge in numbers, for who sees all contacts: it cannot be undone. Raises Invalid for a tag and itself."""
    _check(actor, tag, into)
    wearing = Contact.objects.filter(pk__in=FollowTag.objects.filter(tag=tag).values("contact_id"))
    both = wearing.filter(pk__in=FollowTag.objects.filter(tag=into).values("contact_id"))
    rules = [rule.name for rule in TagRule.objects.all() if rule.names([tag.pk])]
    return Preview(wearing.count(), both.count(), rules, views.asking(tag).count())


def start(actor: Actor, *, tag: Tag, into: Tag) -> JobRun:
    """Queue the merge of `tag` into another one, for who sees all contacts. Raises Invalid for a tag and itself."""
    _check(actor, tag, into)
    return jobs.enqueue(actor, name=JOB, params={"tag": str(tag.pk), "into": str(into.pk)})


def _check(actor: Actor, tag: Tag, into: Tag) -> None:
    tag_rules.require(actor)
    if tag.pk == into.pk:
        raise Invalid({"into": [_("Choose another tag.")]})


def run(context: JobContext) -> dict[str, Any]:
    """The job: taggings step by step, then, with the tag locked against new ones, the rest and the tag itself."""
    tag_rules.require(context.actor)
    while _step(context, last=False) == STEP:
        pass
    _step(context, last=True)
    return {"moved": context.done}


def _step(context: JobContext, *, last: bool) -> int:
    with context.step():
        tags = Tag.objects.select_for_update(no_key=not last).in_bulk([parse_uuid(context.params["tag"])])
        into = Tag.objects.select_for_update(no_key=True).filter(pk=parse_uuid(context.params["into"])).first()
        tag = next(iter(tags.values()), None)
        if tag is None or into is None:
            raise Conflict(_("A tag was deleted meanwhile."), code="tag_gone")
        params = {"enterprise": current_enterprise_id(), "tag": tag.pk, "into": into.pk, "step": STEP}
        moved = 0
        while True:
            counted = row(_MOVE, params)
            assert counted is not None
            moved += counted[0]
            if not last or counted[0] < STEP:
                break
        context.done += moved
        if last:
            tag_rules.forget_tag(tag, into)
            views.forget_tag(tag, into)
            execute("DELETE FROM contacts_tag WHERE enterprise_id = %(enterprise)s AND id = %(tag)s", params)
            after = {"into": into.name, "taggings": context.done}
            audit.record(context.actor, "tag.merged", tag, before={"name": tag.name}, after=after)
        return moved
