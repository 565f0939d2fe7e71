"""The central policy of collaboration: who may invite, the highest level, how many (O3)."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from collaboration.models import CollaborationRule
from common.errors import Invalid
from contacts.rules import GRANTED
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Role

MOST = 100


def set_rule(actor: Actor, *, role: Role, changes: dict[str, Any]) -> CollaborationRule:
    """Change `highest`, `most` (None: the policy's number) or `asks` for a role. Raises Invalid."""
    actor.require("policy.manage")
    if changes.get("highest", GRANTED[-1]) not in GRANTED:
        raise Invalid({"highest": [_("Say viewer or editor.")]})
    most = changes.get("most")
    if most is not None and not 0 <= most <= MOST:
        raise Invalid({"most": [_("Enter a number from 0 to %(limit)s.") % {"limit": MOST}]})
    CollaborationRule.objects.bulk_create([CollaborationRule(role=role)], ignore_conflicts=True)
    rule = CollaborationRule.objects.select_for_update(no_key=True).get(role=role)
    before, after = audit.changes(rule, changes)
    if after:
        rule.save(update_fields=list(after))
        audit.record(actor, "collaboration.rule_changed", role, before=before, after=after)
    return rule
