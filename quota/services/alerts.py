"""Alerts (Q13): who crosses a line is told once, and again only after it was calm.

Whoever changes the number served learns from the account's row, in a statement that runs anyway, whether it left
the band in which nothing begins or ends; then a worker looks, after the commit. So admission asks nothing more, and
holds its row no longer. What is lost on the way, and days that pass, the hourly job finds.
"""

from typing import Any

from django.db import transaction

from common import clock
from common.sql import lock
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from enterprises.services import policy, zone
from quota import notices, queries, rules
from quota.models import Account, Alert


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
    account = Account.objects.get()
    standing = queries.position(enterprise, account=account, now=now, numbers=numbers)
    lapse = rules.lapse(standing, now, numbers, zone(enterprise))
    open_rows = {row.line: row for row in Alert.objects.filter(cleared_at=None)}
    usage = rules.usage(
        open_rows.keys(), standing.served, standing.capacity, numbers.alert_thresholds, numbers.alert_hysteresis
    )
    expiry = rules.expiry(open_rows.keys(), lapse, now, numbers.alert_days, zone(enterprise))

    cleared = [open_rows[line] for line in sorted(usage.cleared | expiry.cleared)]
    Alert.objects.filter(pk__in=[row.pk for row in cleared]).update(cleared_at=now)
    raised = [_row(line, standing, lapse, now) for line in sorted(usage.raised | expiry.raised)]
    Alert.objects.bulk_create(raised)
    _tell(enterprise, standing, lapse, raised, cleared, (rules.telling(usage.raised), rules.telling(expiry.raised)))

    band = rules.quiet_band(
        {*open_rows, *usage.raised} - usage.cleared,
        standing.capacity,
        numbers.alert_thresholds,
        numbers.alert_hysteresis,
    )
    if band != (account.quiet_from, account.quiet_until):
        Account.objects.update(quiet_from=band[0], quiet_until=band[1])
    return {"raised": [_name(row) for row in raised], "cleared": [_name(row) for row in cleared]}


def _row(line: rules.Line, standing: rules.Position, lapse: rules.Lapse | None, now: Any) -> Alert:
    ends = line.kind is rules.AlertKind.EXPIRY and lapse is not None
    return Alert(
        kind=line.kind,
        subject=line.subject,
        threshold=line.threshold,
        served=standing.served,
        capacity=lapse.capacity if ends and lapse else standing.capacity,
        raised_at=now,
    )


def _tell(
    enterprise: Enterprise,
    standing: rules.Position,
    lapse: rules.Lapse | None,
    raised: list[Alert],
    cleared: list[Alert],
    telling: tuple[rules.Line | None, ...],
) -> None:
    for row in raised:
        if row.line in telling:
            notices.alert(row, days=_days_left(enterprise, lapse) if lapse else None)
    for row in cleared:
        if row.line.kind is rules.AlertKind.OVER:
            notices.fits_again(row, served=standing.served, capacity=standing.capacity)


def _days_left(enterprise: Enterprise, lapse: rules.Lapse) -> int:
    """Calendar days of the enterprise until capacity is lost."""
    return (queries.today(enterprise, lapse.at) - queries.today(enterprise, clock.now())).days


def _name(row: Alert) -> str:
    return f"{row.kind} {row.threshold}"
