"""The jobs of hand-over."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import OF_ONES_OWN
from collaboration.services.transfers import notices, orders, settling, work
from jobs.registry import hourly, job
from jobs.runner import JobContext


@job(orders.JOB, label=_("Hand over"), permission=OF_ONES_OWN)
def hand_over(context: JobContext) -> dict[str, Any]:
    """Start a hand-over batch by batch (O8)."""
    return work.run(context)


@job("collaboration.settle_transfers", label=_("Finish hand-overs"), window=hourly)
def settle_transfers(context: JobContext) -> dict[str, Any]:
    """Let what nobody declined in time take effect (O7), and warn of what waits in the pool too long (O6)."""
    looked_at = settling.CHUNK
    while looked_at:
        with context.step():
            looked_at = settling.settle_due(context.actor)
            context.done += looked_at
    with context.step():
        warned = notices.warn_of_pool(context.enterprise)
    return {"settled": context.done, "waiting_leavers": warned}
