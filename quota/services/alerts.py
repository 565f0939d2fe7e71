"""Alerts (Q13): who crosses a line is told once, and again only after it was calm.

Whoever changes the number served learns from the account's row, in a statement that runs anyway, whether it left
the band in which nothing begins or ends; then a worker looks, after the commit. So admission asks nothing more, and
holds its row no longer. What is lost on the way, and days that pass, the hourly job finds.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from common import clock
from common.sql import lock
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from enterprises.services import policy, zone
from quota import notices, queries, rules
from quota.models import Account, Alert, Budget


def look_soon() -> None:
    """Let a worker look at the alerts of the enterprise in scope, once this transaction has committed."""
    from quota.tasks import watch  # the worker's side of the same coin

    enterprise_id = str(current_enterprise_id())
    transaction.on_commit(lambda: watch.delay(enterprise_id), robust=True)


def review(enterprise: Enterprise) -> dict[str, list[str]]:
    """Raise what is newly true, clear what is no longer, tell each once; returns both.

    One at a time per enterprise, and everything is read after the lock: so run twice, late or at once it tells the
    same (X6). The account's row is written last, and only when the band of quiet numbers moved.
    """
    lock(f"quota.alerts:{enterprise.pk}")
    now, numbers = clock.now(), policy()
    shares = numbers.alert_thresholds, numbers.alert_hysteresis
    account = Account.objects.get()
    standing = queries.position(enterprise, account=account, now=now, numbers=numbers)
    lapse = rules.lapse(standing, now, numbers, zone(enterprise))
    teams = {str(budget.pk): budget for budget in Budget.objects.select_related("department__leader")}
    open_rows = {row.line: row for row in Alert.objects.filter(cleared_at=None)}
    lines = frozenset(open_rows)

    usage = rules.usage(lines, standing.served, standing.capacity, *shares)
    expiry = rules.expiry(lines, lapse, now, numbers.alert_days, zone(enterprise))
    budgets = rules.budget_usage(lines, {name: (team.served, team.places) for name, team in teams.items()}, *shares)

    cleared = [open_rows[line] for line in sorted(usage.cleared | expiry.cleared | budgets.cleared)]
    Alert.objects.filter(pk__in=[row.pk for row in cleared]).update(cleared_at=now)
    raised = {}
    for line in sorted(usage.raised | expiry.raised | budgets.raised):
        served, capacity = standing.served, standing.capacity
        if line.kind is rules.AlertKind.EXPIRY and lapse is not None:
            capacity = lapse.capacity
        elif line.kind is rules.AlertKind.BUDGET:
            served, capacity = teams[line.subject].served, teams[line.subject].places
        raised[line] = _row(line, served, capacity, now)
    Alert.objects.bulk_create(raised.values())

    for group in _groups(raised):
        line = rules.telling(group)
        match line.kind:
            case rules.AlertKind.BUDGET:
                notices.budget_alert(raised[line], teams[line.subject])
            case rules.AlertKind.EXPIRY if lapse is not None:
                notices.alert(raised[line], days=_days_left(enterprise, lapse))
            case _:
                notices.alert(raised[line])
    for row in cleared:
        if row.line.kind is rules.AlertKind.OVER:
            notices.fits_again(row, served=standing.served, capacity=standing.capacity)

    band = rules.quiet_band((lines | usage.raised) - usage.cleared, standing.capacity, *shares)
    if band != (account.quiet_from, account.quiet_until):
        Account.objects.update(quiet_from=band[0], quiet_until=band[1])
    return {"raised": [_name(row) for row in raised.values()], "cleared": [_name(row) for row in cleared]}


def _groups(lines: Iterable[rules.Line]) -> list[list[rules.Line]]:
    """What belongs together, of which one is told: the scale's lines, those of one end, those of one budget."""
    found: dict[tuple[bool, str], list[rules.Line]] = {}
    for line in lines:
        found.setdefault((line.kind is rules.AlertKind.EXPIRY, line.subject), []).append(line)
    return list(found.values())


def _row(line: rules.Line, served: int, capacity: int, now: datetime) -> Alert:
    return Alert(
        kind=line.kind,
        subject=line.subject,
        threshold=line.threshold,
        served=served,
        capacity=capacity,
        raised_at=now,
    )


def _days_left(enterprise: Enterprise, lapse: rules.Lapse) -> int:
    """Calendar days of the enterprise until capacity is lost."""
    return (queries.today(enterprise, lapse.at) - queries.today(enterprise, clock.now())).days


def _name(row: Alert) -> str:
    return f"{row.kind} {row.threshold}"
