"""Clean-up (低效清理): announce, archive, review who never came, delete them for good; who waits (C8)."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common import paging
from common.ids import parse_uuid
from console import navigation
from console.base import Page
from console.listing import Listing
from contacts import cleanup_rounds
from contacts.filters import ContactFilter
from contacts.models import CleanUp
from contacts.services import cleanups
from contacts.services.bulk.actions import ARCHIVE, DELETE, RESTORE
from enterprises.rest import get_or_404
from enterprises.services import policy
from jobs import services as jobs
from jobs.models import JobRun
from quota import queries as quota

RECENT = 5
# An owner who was asked has their time, so nothing here goes past an open round.
SILENT = {**cleanups.SILENT, "announced": "false"}
ANNOUNCED = {**cleanups.SILENT, "announced": "true"}
NEVER = {"activity": "never", "status": "archived"}
WAITING = {"waiting": "true"}


class Inactive(Page):
    """The steps, each with its number and the page that carries it out; the rounds; who waits for a place."""

    permission = ARCHIVE.permission
    template = "console/cleanup/overview.html"
    title = gettext_lazy("Inactive contacts")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        archived = JobRun.objects.visible_to(self.actor).filter(name=ARCHIVE.job).select_related("member")
        runs = list(archived.order_by("-created_at", "-id")[:RECENT])
        for run in runs:
            run.can_undo = jobs.can_undo(run)
        rounds = list(cleanup_rounds.shown(self.actor, recent=RECENT))
        counted = cleanup_rounds.figures(self.actor, rounds)
        numbers = policy()
        context = {
            "days": numbers.inactive_days,
            "veto_days": numbers.veto_days,
            "silent": self._step(SILENT, ARCHIVE.name),
            "announced": self._step(ANNOUNCED, ARCHIVE.name),
            "never": self._step(NEVER, DELETE.name),
            "waiting": self._step(WAITING, RESTORE.name),
            "may_delete": self.actor.may(DELETE.permission),
            "may_export": self.actor.may("contacts.export"),
            "runs": runs,
            "rounds": [(one, *counted.get(one.pk, (0, 0))) for one in rounds],
            "position": quota.numbers(self.enterprise),
        }
        return self.render(context)

    def _step(self, asked: dict[str, str], action: str) -> dict[str, Any]:
        """How many there are, where they are listed and exported, and where the work on them begins."""
        query = urlencode(asked)
        address = navigation.address("contacts", self.enterprise.code)
        exports = navigation.address("exports", self.enterprise.code)
        page = reverse("bulk", kwargs={"code": self.enterprise.code, "action": action})
        return {
            "count": paging.count(ContactFilter.from_params(asked, self.actor).queryset()),
            "list_url": f"{address}?{query}" if address else "",
            "export_url": f"{exports}?{query}" if exports else "",
            "bulk_url": f"{page}?{urlencode({'filter': query})}",
        }


class Announce(Page):
    """Who will be archived, by owner and grade; then the question."""

    permission = ARCHIVE.permission
    template = "console/cleanup/announce.html"
    title = gettext_lazy("Announce a clean-up")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.render({"preview": cleanups.preview(self.actor), "veto_days": policy().veto_days})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        made = cleanups.announce(self.actor)
        messages.success(request, _("The clean-up was announced to the owners."))
        if made.left_out:
            told = ngettext(
                "%(number)s contact was left out: it is in an open clean-up already.",
                "%(number)s contacts were left out: they are in an open clean-up already.",
                made.left_out,
            )
            messages.info(request, told % {"number": made.left_out})
        return self.redirect(reverse("clean-up", kwargs={"code": self.enterprise.code, "pk": made.pk}))


class Round(Page):
    """One round: its contacts that I see, with what is kept. Owners object here."""

    permission = "contacts.view"
    template = "console/cleanup/round.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        clean_up = self._round(pk)
        self.title = _("Clean-up of %(day)s") % {"day": f"{timezone.localtime(clean_up.announced_at):%Y-%m-%d}"}
        found = cleanup_rounds.items(self.actor, clean_up).select_related("contact__owner", "kept_by")
        is_open = clean_up.state == CleanUp.State.ANNOUNCED
        contacts, kept = cleanup_rounds.figures(self.actor, [clean_up]).get(clean_up.pk, (0, 0))
        context = {
            "clean_up": clean_up,
            "contacts": contacts,
            "kept": kept,
            "left_out": cleanup_rounds.left_out(self.actor, clean_up),
            "listing": Listing(request, found, ordering="contact_id", counted=paging.Count(contacts, exact=True)),
            "open": is_open,
            "may_keep": self.actor.may("contacts.edit"),
            "job": cleanup_rounds.job_of(self.actor, clean_up),
            "may_cancel": is_open and cleanup_rounds.may_call_off(self.actor, clean_up),
            "back": navigation.address("inactive", self.enterprise.code) if self.actor.may(ARCHIVE.permission) else "",
        }
        return self.render(context)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        clean_up = self._round(pk)
        ids = [found for one in request.POST.getlist("ids") if (found := parse_uuid(one)) is not None]
        action = request.POST.get("action", "")
        if action == "cancel":
            cleanups.cancel(self.actor, clean_up=clean_up)
            messages.success(request, _("The clean-up was called off."))
        elif action == "keep-mine":
            self._say(cleanups.keep(self.actor, clean_up=clean_up))
        elif action == "keep" and ids:
            self._say(cleanups.keep(self.actor, clean_up=clean_up, ids=ids))
        elif action == "let-go" and ids:
            self._say(cleanups.let_go(self.actor, clean_up=clean_up, ids=ids))
        else:
            messages.error(request, _("Select some contacts first."))
        return self.redirect(request.path)

    def _say(self, number: int) -> None:
        messages.success(self.request, _("Changed: %(number)s contacts.") % {"number": number})

    def _round(self, pk: UUID) -> CleanUp:
        return get_or_404(cleanup_rounds.visible_to(self.actor).select_related("member", "job"), pk)


urlpatterns = [
    path("inactive/", Inactive.as_view(), name="inactive"),
    path("inactive/announce/", Announce.as_view(), name="clean-up-announce"),
    path("inactive/rounds/<uuid:pk>/", Round.as_view(), name="clean-up"),
]
