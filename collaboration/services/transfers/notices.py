"""What people are told about hand-overs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from collaboration.models import Transfer
from collaboration.queries.pool import Leaver, pool
from collaboration.rules.transfers import OF_OTHERS, Kind
from common import clock
from common.errors import Refusal
from common.sql import rows
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member, Role
from enterprises.services import policy
from jobs.notifications import declare, notify


def _transfer_page(data: dict[str, Any]) -> str:
    return f"transfers/{data['transfer']}/"


def _pool_page(_data: dict[str, Any]) -> str:
    return "transfers/"


declare(
    "transfer.resigned",
    _("%(name)s has left: %(contacts)s contacts and %(groups)s group chats wait for a successor."),
    _pool_page,
    label=_("A member has left contacts behind"),
    mail=True,
    event=True,
)
declare(
    "transfer.pool",
    _("What %(name)s left behind has waited for %(days)s days: %(contacts)s contacts, %(groups)s group chats."),
    _pool_page,
    label=_("Contacts have waited long for a successor"),
    mail=True,
    event=True,
)
declare(
    "transfer.rule_refused",
    _("The saved plan for what %(name)s left behind could not run: %(detail)s"),
    _pool_page,
    label=_("A saved plan of hand-over could not run"),
    mail=True,
)
declare(
    "transfer.inherited",
    _("%(count)s contacts of %(name)s, who has left, are handed to you."),
    lambda _data: "contacts/?owner=me",
    label=_("Contacts of somebody who left are handed to me"),
    mail=True,
)
declare(
    "transfer.coming",
    _("%(count)s contacts of %(name)s are being handed to you."),
    lambda _data: "contacts/?owner=me",
    label=_("Contacts are being handed to me"),
    mail=True,
)
declare(
    "transfer.finished",
    _("The hand-over of %(name)s has ended: %(done)s done, %(left)s to look at."),
    _transfer_page,
    label=_("A hand-over has ended"),
    event=True,
)


def overseers(department: UUID | None) -> list[Member]:
    """Who answers for a department's contacts: those who may hand them over and see them, graded admins included."""
    above = rows(
        """
        WITH RECURSIVE up AS (
            SELECT id, parent_id FROM enterprises_department
            WHERE enterprise_id = %(enterprise)s AND id = %(department)s
            UNION
            SELECT parent.id, parent.parent_id FROM enterprises_department AS parent JOIN up ON parent.id = up.parent_id
            WHERE parent.enterprise_id = %(enterprise)s
        ) SELECT id FROM up
        """,
        {"enterprise": current_enterprise_id(), "department": department},
    )
    active = Member.objects.filter(status=Member.Status.ACTIVE).select_related("role")
    everywhere = active.filter(role__scope=Role.Scope.ALL)
    here = active.filter(
        role__scope=Role.Scope.DEPARTMENTS, ranges__department_id__in=[one for (one,) in above]
    ).distinct()
    return [one for one in [*everywhere, *here] if OF_OTHERS in one.role.codes]


def coming(transfer: Transfer) -> None:
    """Takers learn at once what is coming to them."""
    counted = rows(
        """
        SELECT item.taker_id, count(*),
               (array_agg(DISTINCT giver.name ORDER BY giver.name))[:3], count(DISTINCT giver.id) > 3
        FROM collaboration_transferitem AS item JOIN enterprises_member AS giver
          ON giver.enterprise_id = item.enterprise_id AND giver.id = item.member_id
        WHERE item.enterprise_id = %(enterprise)s AND item.transfer_id = %(transfer)s AND item.state = 'waiting'
          AND item.contact_id IS NOT NULL GROUP BY item.taker_id
        """,
        {"enterprise": current_enterprise_id(), "transfer": transfer.pk},
    )
    kind = "transfer.inherited" if transfer.kind == Kind.RESIGNED else "transfer.coming"
    takers = Member.objects.in_bulk([taker for taker, *_more in counted])
    for taker, number, givers, more in counted:
        data = {"name": ", ".join(givers) + (" …" if more else ""), "count": number}
        notify([takers[taker]], kind=kind, key=f"transfer:{transfer.pk}", data=data)


def finished(transfers: Iterable[Transfer]) -> None:
    """Whoever ordered a hand-over learns that nothing of it waits any more."""
    for transfer in transfers:
        data = {
            "transfer": str(transfer.pk),
            "name": str(transfer),
            "done": transfer.number("done"),
            "left": transfer.left,
        }
        told = [transfer.by] if transfer.by else overseers(transfer.member.department_id if transfer.member else None)
        moment = transfer.finished_at or clock.now()
        notify(told, kind="transfer.finished", key=f"transfer.finished:{transfer.pk}:{moment.isoformat()}", data=data)


def resigned(enterprise: Enterprise, member: Member) -> None:
    """Somebody left, and what they had waits for a successor."""
    for leaver in pool(Actor.system(enterprise), member=member):
        key = f"transfer.resigned:{member.pk}:{member.version}"
        notify(overseers(member.department_id), kind="transfer.resigned", key=key, data=_of(leaver))


def rule_refused(member: Member, refusal: Refusal) -> None:
    """The saved plan of a department could not run when somebody left."""
    data = {"name": member.name, "detail": str(refusal)}
    key = f"transfer.rule_refused:{member.pk}:{member.version}"
    notify(overseers(member.department_id), kind="transfer.rule_refused", key=key, data=data)


def warn_of_pool(enterprise: Enterprise) -> int:
    """Tell the admins of what has waited too long, once for each leaver; returns how many leavers that concerns."""
    warned = 0
    since = clock.now() - timedelta(days=policy().pool_warn_days)
    for leaver in pool(Actor.system(enterprise)):
        if leaver.left_at is None or leaver.left_at > since or not leaver.open:
            continue
        warned += 1
        notify(
            overseers(leaver.member.department_id),
            kind="transfer.pool",
            key=f"transfer.pool:{leaver.member.pk}:{leaver.left_at.isoformat()}",
            data=_of(leaver) | {"days": leaver.days},
        )
    return warned


def _of(leaver: Leaver) -> dict[str, Any]:
    return {"name": leaver.member.name, "contacts": leaver.contacts, "groups": leaver.groups}
