"""Saved plans: what happens by itself when somebody leaves (O6)."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from collaboration.models import InheritanceRule
from collaboration.rules.transfers import OF_OTHERS
from collaboration.services.transfers import notices, orders
from collaboration.services.transfers.plans import Plan
from common import clock
from common.errors import Forbidden, Refusal
from common.sql import rows
from common.tenancy import current_enterprise_id
from enterprises import audit
from enterprises.actors import Actor
from enterprises.authority import require_department
from enterprises.models import Department, Member


def save_rule(
    actor: Actor, *, department: Department | None, plan: Mapping[str, Any], enabled: bool = True
) -> InheritanceRule:
    """Keep the plan for those who leave from this department and below (None: from anywhere), instead of an older one.

    The nearest rule up the tree counts. Graded admins make rules for their departments only.
    """
    actor.require(OF_OTHERS)
    require_department(actor, department.pk if department else None)
    checked = Plan.of(actor, plan)
    rule = InheritanceRule.objects.select_for_update(no_key=True, of=("self",)).filter(department=department).first()
    rule = rule or InheritanceRule(department=department)
    rule.plan, rule.enabled, rule.by, rule.changed_at = checked.as_json(), enabled, actor.member, clock.now()
    rule.save()
    audit.record(actor, "transfer.rule_saved", rule, after={"plan": rule.plan, "enabled": enabled})
    return rule


def delete_rule(actor: Actor, *, rule: InheritanceRule) -> None:
    """Nothing happens by itself any more."""
    actor.require(OF_OTHERS)
    require_department(actor, rule.department_id)
    audit.record(actor, "transfer.rule_deleted", rule, before={"plan": rule.plan})
    rule.delete()


def may_change(actor: Actor, rule: InheritanceRule) -> bool:
    """Is this rule the actor's to change?"""
    try:
        require_department(actor, rule.department_id)
    except Forbidden:
        return False
    return True


def inherit(actor: Actor, *, member: Member) -> None:
    """Somebody left: carry out the saved plan, or tell the admins that contacts wait.

    A plan that cannot run keeps nobody from leaving; the admins are told why, and the contacts wait in the pool.
    """
    rule = _rule_for(member)
    system = Actor.system(actor.enterprise)
    if rule is not None:
        try:
            with transaction.atomic():
                orders.order(system, member=member, plan=Plan.stored(rule.plan))
                return
        except Refusal as refusal:
            if refusal.code != "nothing_to_hand_over":
                notices.rule_refused(member, refusal)
    notices.resigned(actor.enterprise, member)


def _rule_for(member: Member) -> InheritanceRule | None:
    """The nearest enabled rule, from the member's department up to the one for everybody."""
    found = rows(
        """
        WITH RECURSIVE up AS (
            SELECT id, parent_id, 0 AS distance FROM enterprises_department
            WHERE enterprise_id = %(enterprise)s AND id = %(department)s
            UNION ALL
            SELECT parent.id, parent.parent_id, up.distance + 1 FROM enterprises_department AS parent
            JOIN up ON parent.id = up.parent_id WHERE parent.enterprise_id = %(enterprise)s
        )
        SELECT rule.id FROM collaboration_inheritancerule AS rule LEFT JOIN up ON up.id = rule.department_id
        WHERE rule.enterprise_id = %(enterprise)s AND rule.enabled
          AND (rule.department_id IS NULL OR up.id IS NOT NULL)
        ORDER BY up.distance NULLS LAST LIMIT 1
        """,
        {"enterprise": current_enterprise_id(), "department": member.department_id},
    )
    return InheritanceRule.objects.filter(pk=found[0][0]).first() if found else None


def on_resigned(sender: object, *, actor: Actor, member: Member, **_more: object) -> None:
    """The receiver of `member_resigned`."""
    inherit(actor, member=member)
