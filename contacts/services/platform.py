"""The two numbers (Q2): WeCom's list compared with ours, and members asked to release what we archived."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common import clock
from common.sql import execute, joins_never_loop, row, rows
from common.tenancy import current_enterprise_id
from contacts import platform
from contacts.models import Follow, PlatformComparison, PlatformDifference
from contacts.services import exports
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from jobs import services as jobs
from jobs.models import JobRun
from jobs.notifications import declare, notify
from jobs.runner import JobContext
from quota import ledger, queries

COMPARE = "contacts.compare_platform"
EXPORT = "contacts.release_list"
Cause = PlatformDifference.Cause

declare(
    "contacts.release_asked",
    gettext_lazy("%(count)s archived people are still among your friends in WeCom. Please delete them there."),
    lambda _data: "scale/platform/release/",
)

# Everybody who is counted by one side only. A person of the list is there as a friend when any of its lines names a
# member (or names neither).
_LISTED = """
    SELECT uuid7(), %(enterprise)s, listed.external_userid,
           CASE WHEN contact.id IS NULL AND listed.friend THEN 'unknown_here' WHEN contact.id IS NULL THEN 'group_only'
                WHEN contact.status = 'archived' THEN 'release_pending' ELSE 'lost' END,
           contact.id, coalesce(nullif(contact.remark, ''), contact.name, listed.name),
           coalesce(listed.member, ''), coalesce(listed.group_name, '')
    FROM (SELECT external_userid, max(name) AS name, bool_or(member <> '' OR group_name = '') AS friend,
                 min(nullif(member, '')) AS member, min(nullif(group_name, '')) AS group_name
          FROM contacts_platformentry WHERE enterprise_id = %(enterprise)s GROUP BY external_userid) AS listed
    LEFT JOIN contacts_contact AS contact
           ON contact.enterprise_id = %(enterprise)s AND contact.external_userid = listed.external_userid
    WHERE contact.id IS NULL OR contact.status <> 'active'
    UNION ALL
    SELECT uuid7(), %(enterprise)s, contact.external_userid, 'unknown_there', contact.id,
           coalesce(nullif(contact.remark, ''), contact.name), '', ''
    FROM contacts_contact AS contact
    WHERE contact.enterprise_id = %(enterprise)s AND contact.status = 'active' AND NOT EXISTS (
        SELECT FROM contacts_platformentry AS entry
        WHERE entry.enterprise_id = %(enterprise)s AND entry.external_userid = contact.external_userid)
"""
# Without a list: whom we archived while they are friends of somebody, or in a group.
_UNLISTED = """
    SELECT uuid7(), %(enterprise)s, contact.external_userid, 'release_pending', contact.id,
           coalesce(nullif(contact.remark, ''), contact.name), '', ''
    FROM contacts_contact AS contact
    WHERE contact.enterprise_id = %(enterprise)s AND contact.status = 'archived' AND (
        EXISTS (SELECT FROM contacts_follow AS follow
                WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = contact.id
                  AND follow.state <> 'deleted_by_member')
        OR EXISTS (SELECT FROM contacts_groupmember AS inside
                   WHERE inside.enterprise_id = %(enterprise)s AND inside.contact_id = contact.id
                     AND inside.left_at IS NULL))
"""


def compare(actor: Actor) -> PlatformComparison:
    """Compare WeCom's newest list with our contacts, and keep what differs; replaces the comparison before."""
    enterprise = {"enterprise": current_enterprise_id()}
    # One after the other: the row of the comparison is locked by whoever writes it.
    comparison = PlatformComparison.objects.select_for_update(no_key=True).first()
    found = row(
        "SELECT count(DISTINCT external_userid) FROM contacts_platformentry WHERE enterprise_id = %(enterprise)s",
        enterprise,
    )
    listed = found[0] if found and found[0] else None
    joins_never_loop()
    execute("DELETE FROM contacts_platformdifference WHERE enterprise_id = %(enterprise)s", enterprise)
    execute(
        f"""
        INSERT INTO contacts_platformdifference
            (id, enterprise_id, external_userid, cause, contact_id, name, member, group_name)
        {_LISTED if listed else _UNLISTED}
        """,
        enterprise,
    )
    counted = rows(
        "SELECT cause, count(*) FROM contacts_platformdifference WHERE enterprise_id = %(enterprise)s GROUP BY cause",
        enterprise,
    )
    served = row(
        "SELECT count(*) FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND status = 'active'", enterprise
    )
    assert served is not None
    comparison = comparison or PlatformComparison()
    comparison.at, comparison.listed, comparison.served = clock.now(), listed, served[0]
    comparison.causes = dict(counted)
    comparison.save()
    return comparison


def start_comparison(actor: Actor) -> JobRun:
    """Queue a comparison: with a million contacts it takes seconds."""
    ledger.require_whole_enterprise(actor, "quota.buy")
    return jobs.enqueue(actor, name=COMPARE)


def start_release_export(actor: Actor, *, format: str = "csv") -> JobRun:
    """Queue a file of whom which member is to delete; the file is the job's report."""
    actor.require("contacts.export")
    return jobs.enqueue(actor, name=EXPORT, params={"format": format if format == "xlsx" else "csv"})


def ask_members(actor: Actor) -> int:
    """Tell every member how many archived people they are to delete in WeCom, once a day; returns how many members."""
    ledger.require_whole_enterprise(actor, "quota.buy")
    pending = platform.release_by_member(actor)
    day = queries.today(actor.enterprise, clock.now())
    members = Member.objects.in_bulk([member for member, _name, _count in pending])
    for member, _name, count in pending:
        if members[member].is_active:
            notify([members[member]], kind="contacts.release_asked", key=f"release:{day}", data={"count": count})
    asked = sum(members[member].is_active for member, _name, _count in pending)
    audit.record(
        actor,
        "platform.release_asked",
        subject_type="scale",
        subject_label="WeCom",
        after={"members": asked, "contacts": sum(count for _member, _name, count in pending)},
    )
    return asked


def write_release_list(context: JobContext) -> dict[str, Any]:
    """The job: member by member, whom to delete."""
    header = [_("Member"), _("Account"), _("External user ID"), _("Name"), _("Archived at")]
    return exports.write_list(
        context, stem=_("to release"), header=header, chunks=_release_rows(context), counted="contacts"
    )


def _release_rows(context: JobContext) -> Iterator[list[Sequence[Any]]]:
    found = platform.release_list(context.actor, {}).order_by("member__name", "contact__external_userid", "id")
    yield from exports.chunks_of(found, _release_cells)


def _release_cells(follow: Follow) -> list[Any]:
    contact = follow.contact
    return [follow.member.name, follow.member.userid, contact.external_userid, str(contact), contact.archived_at]
