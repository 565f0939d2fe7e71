"""Clean-up (低效清理): find the silent, archive them as a batch, review who never came, delete those for good (C8)."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from console import navigation
from console.base import Page
from contacts.filters import ContactFilter
from contacts.services.bulk.actions import ARCHIVE, DELETE
from enterprises.services import policy
from jobs import services as jobs
from jobs.models import JobRun
from quota import queries as quota

RECENT = 5
SILENT = {"inactive": "true", "status": "active"}
NEVER = {"activity": "never", "status": "archived"}


class Inactive(Page):
    """The three steps, each with its number and the page that carries it out."""

    permission = ARCHIVE.permission
    template = "console/bulk/cleanup.html"
    title = _("Inactive contacts")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        archived = JobRun.objects.visible_to(self.actor).filter(name=ARCHIVE.job).select_related("member")
        runs = list(archived.order_by("-created_at", "-id")[:RECENT])
        for run in runs:
            run.can_undo = jobs.can_undo(run)
        context = {
            "days": policy().inactive_days,
            "silent": self._step(SILENT, ARCHIVE.name),
            "never": self._step(NEVER, DELETE.name),
            "may_delete": self.actor.may(DELETE.permission),
            "runs": runs,
            "position": quota.position(self.enterprise),
        }
        return self.render(context)

    def _step(self, asked: dict[str, str], action: str) -> dict[str, Any]:
        """How many there are, where they are listed, and where the work on them begins."""
        query = urlencode(asked)
        address = navigation.address("contacts", self.enterprise.code)
        page = reverse("bulk", kwargs={"code": self.enterprise.code, "action": action})
        return {
            "count": ContactFilter.from_params(asked, self.actor).count(),
            "list_url": f"{address}?{query}" if address else "",
            "bulk_url": f"{page}?{urlencode({'filter': query})}",
        }


urlpatterns = [path("inactive/", Inactive.as_view(), name="inactive")]
