"""Archived people who write (C8): they come back if there is a place, else they wait in a list.

By admission, not as a fact: we archived them, WeCom did not. However many write at once, as many come back as there
are places (Q10); who waits is admitted when they write again, or when somebody restores them.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.rules import Kind
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from jobs.notifications import declare, notify
from quota import services as quota

# What counts as writing.
WRITES = frozenset({Kind.MESSAGE_IN, Kind.GROUP_MESSAGE})

declare(
    "contacts.waiting",
    _("%(count)s archived contacts wrote and wait for a place, %(contact)s among them."),
    lambda _data: "contacts/?waiting=true",
)


def come_back(actor: Actor, *, contacts: Sequence[UUID]) -> tuple[int, int]:
    """Bring archived contacts back as far as there are places, who has waited longest first; the others wait.

    Returns how many came back and how many wait. Contacts that are not archived (any more) are left alone.
    """
    params = {"enterprise": current_enterprise_id(), "ids": sorted(contacts), "now": clock.now()}
    found = rows(
        """
        SELECT id, coalesce(nullif(remark, ''), name), owner_id, waiting_since FROM contacts_contact
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s) AND status = 'archived'
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )
    if not found:
        return 0, 0
    found.sort(key=lambda one: (one[3] or params["now"], one[0]))
    granted = quota.reserve_up_to(
        actor, len(found), claimants=lambda: [quota.Claimant(owner, "") for _pk, _label, owner, _since in found]
    )
    admitted = [one for position, one in enumerate(found) if position not in granted.refused]
    waiting = [one for position, one in enumerate(found) if position in granted.refused]
    _admit(actor, [(pk, label) for pk, label, _owner, _since in admitted])
    _wait([(pk, label, owner) for pk, label, owner, since in waiting if since is None])
    return len(admitted), len(waiting)


def _admit(actor: Actor, people: list[tuple[UUID, str]]) -> None:
    if not people:
        return
    params = {
        "enterprise": current_enterprise_id(),
        "contacts": [pk for pk, _label in people],
        "labels": [label for _pk, label in people],
        "now": clock.now(),
        "kind": Kind.RETURNED.value,
        "side": Kind.RETURNED.side.value,
        "actor": actor.member_id,
    }
    execute(
        """
        UPDATE contacts_contact
        SET status = 'active', archived_at = NULL, waiting_since = NULL, version = version + 1
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(contacts)s)
        """,
        params,
    )
    execute(
        """
        INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
        SELECT uuid7(), %(enterprise)s, id, %(kind)s, %(side)s, %(now)s, %(actor)s, uuid7()::text, '{}'
        FROM unnest(%(contacts)s::uuid[]) AS given (id)
        """,
        params,
    )
    quota.write_ledger_from(
        actor,
        source="SELECT * FROM unnest(%(contacts)s::uuid[], %(labels)s::text[])",
        params={"contacts": params["contacts"], "labels": params["labels"]},
        count=len(people),
        reason=quota.Reason.RETURNED,
        delta=+1,
    )
    for pk, label in people:
        audit.record(actor, "contact.returned", subject_type="contact", subject_id=pk, subject_label=label)


def _wait(people: list[tuple[UUID, str, UUID | None]]) -> None:
    """They wait from now on; their owners are told."""
    if not people:
        return
    execute(
        """
        UPDATE contacts_contact SET waiting_since = %(now)s
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s)
        """,
        {"enterprise": current_enterprise_id(), "ids": [pk for pk, _label, _owner in people], "now": clock.now()},
    )
    by_owner: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for pk, label, owner in people:
        if owner is not None:
            by_owner[owner].append((pk, label))
    for member in Member.objects.filter(pk__in=by_owner, status=Member.Status.ACTIVE).order_by("id"):
        (pk, label), *_more = by_owner[member.pk]
        data = {"count": len(by_owner[member.pk]), "contact": label, "id": str(pk)}
        notify([member], kind="contacts.waiting", key=f"waiting:{pk}:{clock.now():%Y%m%d%H%M%S}", data=data)
