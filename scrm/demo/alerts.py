"""Alerts of the past months, and a webhook that nobody listens to yet."""

from datetime import datetime, timedelta

from common.tenancy import tenant
from jobs import services
from jobs.models import Delivery
from scrm.demo.stage import Stage

MONTH = timedelta(days=30)


def plan(stage: Stage, *, first: datetime, today: datetime) -> None:
    """Once a month somebody looks whether a line was crossed; the schedule does so every hour."""
    moment = first + timedelta(hours=11)
    while moment < today:
        stage.later(moment, lambda moment=moment: stage.nightly(moment, "quota.notify"))  # type: ignore[misc]
        moment += MONTH


def end(stage: Stage, *, now: datetime) -> None:
    """How it stands today. Mails about the past are not sent: the first start would be full of them."""
    stage.nightly(now, "quota.notify")
    with stage.scene(now) as actor:
        webhook, _secret = services.create_webhook(
            actor,
            name="ERP 对接",
            url="https://erp.lanyu.example/hooks/scrm",
            events=["quota.threshold", "quota.expiring", "quota.over", "job.failed"],
        )
        services.update_webhook(actor, webhook=webhook, changes={"enabled": False})
    with tenant(stage.enterprise.pk):
        waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
        waiting.update(state=Delivery.State.CANCELLED, ended_at=now)
