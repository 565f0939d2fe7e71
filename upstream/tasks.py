"""The jobs of this room."""

from typing import Any

from celery import shared_task
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import tenant
from enterprises.access import enterprise_id_of
from enterprises.models import Enterprise
from enterprises.tasks import RETRY, address, send
from jobs.registry import daily, job, minutely, needs
from jobs.runner import JobContext
from jobs.tasks import enterprise_task
from upstream.services import bridges, invitations, message_export, messages, partner_import, relinking, sending


@job(partner_import.JOB, label=_("Import partners"), permission="spaces.edit", guard=needs("spaces.edit"))
def import_partners(context: JobContext) -> dict[str, Any]:
    """Partners and their people from a file (U7)."""
    return partner_import.run(context)


@job("upstream.expire_invitations", label=_("Expire invitations into spaces"), window=daily)
def expire_invitations(context: JobContext) -> dict[str, Any]:
    """Result: expired personal links, and customers of whom their inviters were reminded."""
    with context.step():
        return invitations.expire(clock.now())


@job("upstream.follow", label=_("Follow connections with other enterprises"), window=daily)
def follow(context: JobContext) -> dict[str, Any]:
    """What the other sides did; finds what `follow_bridges` missed."""
    with context.step():
        return bridges.follow(context.enterprise)


@enterprise_task("upstream.follow_bridges")
def follow_bridges(enterprise: Enterprise) -> None:
    """The other side of a connection did something just now."""
    bridges.follow(enterprise)


@shared_task(name="upstream.mail_workbench_links", **RETRY)
def mail_workbench_links(firm: str, email: str, ip: str | None, language: str) -> None:
    """Mail each person of this address their link, if there is any; nobody else is told."""
    enterprise_id = enterprise_id_of(firm)
    if enterprise_id is None:
        return
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        found = relinking.letters(enterprise, email=email, ip=ip) if enterprise else []
    if enterprise is not None and found:
        people = [(one.name, address("workbench", firm=firm, code=one.code)) for one in found]
        send("workbench", email, language, {"enterprise": enterprise.name, "people": people})


@job(messages.JOB, label=_("Send a message to partners"), permission="spaces.message")
def send_message(context: JobContext) -> dict[str, Any]:
    """One message to its audience (U9)."""
    return sending.run(context)


@job(
    message_export.JOB,
    label=_("Export what became of a message"),
    permission="spaces.message",
    guard=needs("spaces.message"),
)
def export_message(context: JobContext) -> dict[str, Any]:
    """A CSV of everybody's row."""
    return message_export.run(context)


@job(
    "upstream.send_due_messages",
    label=_("Begin to send scheduled messages to partners"),
    window=minutely,
    waiting="enterprises_with_due_messages",
)
def send_due_messages(context: JobContext) -> dict[str, Any]:
    """Result: started, not_sent (messages)."""
    with context.step():
        result = messages.send_due(context.actor, now=clock.now())
        context.done = sum(result.values())
    return result
