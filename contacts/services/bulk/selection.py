"""Which contacts: ids, or a filter over what the actor may see. Fixed when the job starts (C5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from common.ids import parse_uuid
from common.sql import execute, subquery
from common.tenancy import current_enterprise_id
from contacts.filters import ContactFilter
from contacts.models import Contact
from enterprises.actors import Actor

MAX_IDS = 10_000

# What the SQL of actions may know of a contact.
COLUMNS = ("id", "enterprise_id", "external_userid", "name", "remark", "status", "grade", "owner_id")


@dataclass(frozen=True)
class Selection:
    """Either `ids`, each once, or `filter` (JSON as ContactFilter keeps it)."""

    ids: tuple[UUID, ...] | None = None
    filter: dict[str, Any] | None = None

    @classmethod
    def of(cls, actor: Actor, *, ids: Sequence[Any] | None = None, filter: Mapping[str, Any] | None = None) -> Self:
        """Raises Invalid for both or neither, for more than 10 000 ids, and for what is no id or filter."""
        if (ids is None) == (filter is None):
            raise Invalid({"ids": [_("Choose contacts either by their ids or by a filter.")]})
        if filter is not None:
            return cls(filter=ContactFilter.from_params(filter, actor).params)
        assert ids is not None
        found = dict.fromkeys(parse_uuid(one) for one in ids)
        if not found or None in found:
            raise Invalid({"ids": [_("Give a list of ids of contacts.")]})
        if len(found) > MAX_IDS:
            raise Invalid({"ids": [_("At most 10,000 ids. Use a filter for more.")]}, code="too_many")
        return cls(ids=tuple(found))  # type: ignore[arg-type]

    def contacts(self, actor: Actor) -> QuerySet[Contact]:
        """The chosen contacts among those that the actor may see."""
        if self.filter is not None:
            return ContactFilter.from_params(self.filter, actor).queryset()
        return Contact.objects.visible_to(actor).filter(pk__in=self.ids)

    def missing(self, found: int) -> int:
        """How many of the ids name nothing that the actor may see, when `found` do."""
        return len(self.ids) - found if self.ids is not None else 0


def fix(actor: Actor, job: UUID, selection: Selection) -> int:
    """Write the chosen contacts as items of the job, in one statement; returns how many.

    An id that is not visible becomes an item all the same, as not found: it cannot be told from one that does not
    exist (O5), and whoever sent it reads so in the report.
    """
    contacts, params = subquery(selection.contacts(actor).values("id"), "chosen")
    source = f"SELECT id, 'pending', '' FROM ({contacts}) AS chosen"
    if selection.ids is not None:
        source = f"""
            SELECT given.id, CASE WHEN chosen.id IS NULL THEN 'skipped' ELSE 'pending' END,
                   CASE WHEN chosen.id IS NULL THEN 'not_found' ELSE '' END
            FROM unnest(%(ids)s::uuid[]) AS given (id) LEFT JOIN ({contacts}) AS chosen ON chosen.id = given.id"""
    return execute(
        f"""
        INSERT INTO contacts_bulkitem (id, enterprise_id, job_id, contact_id, state, reason, before)
        SELECT uuid7(), %(enterprise)s, %(job)s, item.id, item.state, item.reason, '{{}}'
        FROM ({source}) AS item (id, state, reason)
        ORDER BY item.id
        """,
        {
            **params,
            "enterprise": current_enterprise_id(),
            "job": job,
            "ids": list(selection.ids or ()),
        },
    )


def fix_listed(job: UUID, source: str, params: dict[str, Any]) -> int:
    """Write the contacts whose ids `source` yields, with its named `params`, as items of the job; returns how many."""
    return execute(
        f"""
        INSERT INTO contacts_bulkitem (id, enterprise_id, job_id, contact_id, state, reason, before)
        SELECT uuid7(), %(enterprise)s, %(job)s, item.id, 'pending', '', '{{}}' FROM ({source}) AS item (id)
        ORDER BY item.id
        """,
        {**params, "enterprise": current_enterprise_id(), "job": job},
    )


def fix_undo(job: UUID, undoes: UUID) -> int:
    """Write what another job did as the items of the job that takes it back; returns how many."""
    return execute(
        """
        INSERT INTO contacts_bulkitem (id, enterprise_id, job_id, contact_id, state, reason, before)
        SELECT uuid7(), %(enterprise)s, %(job)s, contact_id, 'pending', '', before
        FROM contacts_bulkitem
        WHERE enterprise_id = %(enterprise)s AND job_id = %(undoes)s AND state = 'done'
        ORDER BY contact_id
        """,
        {"enterprise": current_enterprise_id(), "job": job, "undoes": undoes},
    )


def forget(jobs: Sequence[UUID]) -> int:
    """Delete the items of jobs that are about to be deleted; returns how many."""
    return execute(
        "DELETE FROM contacts_bulkitem WHERE enterprise_id = %(enterprise)s AND job_id = ANY (%(jobs)s)",
        {"enterprise": current_enterprise_id(), "jobs": list(jobs)},
    )
