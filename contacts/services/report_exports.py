"""Reports as files: losses (C4), and how much tags are worn (C13). Jobs; the file is the job's report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.errors import Invalid
from contacts import losses, tag_usage
from contacts.models import Follow
from contacts.services import tag_rules
from contacts.services.exports import checked_format, chunks_of, write_list
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext

LOSSES = "contacts.export_losses"
TAGS = "contacts.export_tags"


def start_losses(actor: Actor, *, filter: Mapping[str, str] | None = None, format: str = "csv") -> JobRun:
    """Queue the losses that answer the report's filter, of contacts that the actor sees; the last 30 days as default.

    The days are fixed now, whenever the job runs.
    """
    actor.require("contacts.export")
    if unknown := sorted(set(filter or ()) - set(losses.FILTERS)):
        raise Invalid({name: [gettext_lazy("This filter does not exist.")] for name in unknown}, code="unknown_filter")
    asked = losses.Asked.parse(actor, filter)
    fixed = {
        "from": str(asked.since),
        "to": str(asked.until),
        "by": asked.by.value if asked.by else "",
        "member": str(asked.member or ""),
        "source": asked.source,
    }
    given = {name: value for name, value in fixed.items() if value}
    return jobs.enqueue(actor, name=LOSSES, params={"filter": given, "format": checked_format(format)})


def write_losses(context: JobContext) -> dict[str, Any]:
    """The job: a row for each loss, the latest first, as the page shows them."""
    context.actor.require("contacts.export")
    header = [
        _("External user ID"),
        _("Name"),
        _("Owner"),
        _("Member"),
        _("Who ended it"),
        _("Tags"),
        _("Source"),
        _("Added at"),
        _("Ended"),
        _("Days kept"),
    ]
    return write_list(context, stem=_("losses"), header=header, chunks=_losses(context))


def _losses(context: JobContext) -> Iterator[list[Sequence[Any]]]:
    asked = losses.Asked.parse(context.actor, context.params["filter"])
    found = losses.full(losses.losses(context.actor, asked)).order_by("-ended_at", "-id")
    yield from chunks_of(found, _loss)


def _loss(follow: Follow) -> list[Any]:
    contact = follow.contact
    return [
        contact.external_userid,
        str(contact),
        contact.owner.name if contact.owner else "",
        follow.member.name,
        losses.ended_by(follow).label,
        [tagging.tag.name for tagging in follow.taggings.all()],
        Follow.SOURCES.get(follow.source, follow.source),
        follow.added_at,
        follow.ended_at,
        losses.days_kept(follow),
    ]


def start_tags(actor: Actor, *, format: str = "csv") -> JobRun:
    """Queue the use of all tags, for those who may see that report."""
    tag_rules.require(actor)
    return jobs.enqueue(actor, name=TAGS, params={"format": checked_format(format)})


def write_tags(context: JobContext) -> dict[str, Any]:
    """The job: a row for each tag, the dead ones first, counted anew."""
    header = [_("Group"), _("Tag"), _("Contacts"), _("Last put on"), _("Dead"), _("Rules")]
    return write_list(context, stem=_("use of tags"), header=header, chunks=_tags(context))


def _tags(context: JobContext) -> Iterator[list[Sequence[Any]]]:
    tag_rules.require(context.actor)
    yield [
        [
            usage.tag.group.name,
            usage.tag.name,
            usage.contacts,
            usage.last_at,
            _("yes") if usage.dead else "",
            [rule.name for rule in usage.rules],
        ]
        for usage in tag_usage.report(fresh=True).tags
    ]
