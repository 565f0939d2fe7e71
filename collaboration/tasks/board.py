"""The job of the team board."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from collaboration.services import board
from jobs.registry import hourly, job
from jobs.runner import JobContext


@job("collaboration.board", label=_("Team board"), window=hourly)
def count(context: JobContext) -> dict[str, Any]:
    """Count what everybody did today and yesterday, and on days that were missed (O10). Result: days."""
    with context.step():
        return {"days": board.count_days(context.enterprise)}
