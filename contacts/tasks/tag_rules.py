"""The jobs of tags: rules every night or at once, and the merge of two tags."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.ids import parse_uuid
from contacts.models import TagRule
from contacts.services import tag_merges, tag_rules
from jobs.registry import daily, job
from jobs.runner import JobContext


@job("contacts.tag_rules", label=_("Tag rules"), window=daily)
def apply_all(context: JobContext) -> dict[str, Any]:
    """Apply every active rule in order (C13). Result: {rules, put, taken}."""
    with context.step():
        rules = [str(pk) for pk in TagRule.objects.filter(active=True).values_list("pk", flat=True)]
        context.total = len(rules)
    result = {"rules": len(rules), "put": 0, "taken": 0}
    for rule in rules[context.done :]:
        _apply(context, rule, result)
        with context.step():
            context.done += 1
    return result


@job(tag_rules.JOB, label=_("Apply a tag rule"), permission="tags.manage")
def apply_one(context: JobContext) -> dict[str, Any]:
    """Apply one rule now. Result: {put, taken}."""
    tag_rules.require(context.actor)
    result = {"put": 0, "taken": 0}
    if not _apply(context, context.params["rule"], result):
        raise Conflict(_("This rule was deleted meanwhile."), code="gone")
    return result


@job(tag_merges.JOB, label=_("Merge tags"), permission="tags.manage")
def merge(context: JobContext) -> dict[str, Any]:
    """Carry the taggings of one tag over to another. Result: {moved, contacts}."""
    return tag_merges.run(context)


def _apply(context: JobContext, rule_id: str, result: dict[str, Any]) -> bool:
    """The rule, step by step until there is nothing left to do; False when it is gone."""
    while True:
        with context.step():
            rule = TagRule.objects.select_related("tag").filter(pk=parse_uuid(rule_id)).first()
            put, taken = tag_rules.apply(context.actor, rule=rule) if rule else (0, 0)
        result["put"] += put
        result["taken"] += taken
        if rule is None or not (put or taken):
            return rule is not None
