"""One step's share of a bulk job, and the SQL that every action works it off with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common import clock
from common.sql import execute, row, rows
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.rules import Kind
from enterprises import audit
from enterprises.actors import Actor
from quota import services as quota

FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)

# Statements are driven by the items, found by their key, and look up everything else by its own: the planner knows
# nothing yet of a job that has just begun, and takes thousands of items for one.
#
# The items of the batch: contact ids in (after, upto]; and those that the action is carried out on.
ITEMS = """item.enterprise_id = %(enterprise)s AND item.job_id = %(job)s
    AND item.contact_id > %(after)s AND item.contact_id <= %(upto)s"""
DONE = f"{ITEMS} AND item.state = 'done'"
CONTACTS = f"""contacts_bulkitem AS item
    JOIN contacts_contact AS contact ON contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
    WHERE {DONE}"""


@dataclass(frozen=True)
class Batch:
    """The items of `job` whose contact ids lie in (after, upto]; `undoes` is the job that is taken back."""

    actor: Actor
    job: UUID
    undoes: UUID | None
    options: dict[str, Any]
    after: UUID
    upto: UUID
    now: datetime

    @classmethod
    def next(
        cls, actor: Actor, job: UUID, undoes: UUID | None, options: dict[str, Any], *, after: UUID, size: int
    ) -> "Batch":
        """The batch of the next `size` items after a contact id; the last one reaches to the end."""
        found = row(
            """
            SELECT contact_id FROM contacts_bulkitem
            WHERE enterprise_id = %(enterprise)s AND job_id = %(job)s AND contact_id > %(after)s
            ORDER BY contact_id OFFSET %(size)s LIMIT 1
            """,
            {"enterprise": current_enterprise_id(), "job": job, "after": after, "size": size - 1},
        )
        return cls(actor, job, undoes, options, after, found[0] if found else LAST, clock.now())

    @property
    def params(self) -> dict[str, Any]:
        """The names that statements of this batch may use."""
        return {
            **self.options,
            **access.asking(self.actor),
            "enterprise": current_enterprise_id(),
            "job": self.job,
            "undoes": self.undoes,
            "after": self.after,
            "upto": self.upto,
            "now": self.now,
        }

    def execute(self, statement: str, **more: Any) -> int:
        """Run one statement with the batch's parameters; the number of rows it touched."""
        return execute(statement, {**self.params, **more})

    def count_done(self) -> int:
        """How many contacts the action is carried out on."""
        found = row(f"SELECT count(*) FROM contacts_bulkitem AS item WHERE {DONE}", self.params)
        assert found is not None
        return found[0]

    def claimants(self) -> list[quota.Claimant]:
        """Whose the contacts are that the action is carried out on, in the order of their ids."""
        owners = rows(f"SELECT contact.owner_id FROM {CONTACTS} ORDER BY item.contact_id", self.params)
        return [quota.Claimant(owner) for (owner,) in owners]

    def claims(self) -> dict[quota.Claimant, int]:
        """How many of them each owner has."""
        counted = rows(f"SELECT contact.owner_id, count(*) FROM {CONTACTS} GROUP BY 1", self.params)
        return {quota.Claimant(owner): number for owner, number in counted}

    def refuse(self, refused: Mapping[int, str]) -> None:
        """Leave out those at these positions, in the order of their ids, each for a reason."""
        if not refused:
            return
        self.execute(
            f"""
            UPDATE contacts_bulkitem AS target SET state = 'refused', reason = given.reason
            FROM (SELECT item.id, row_number() OVER (ORDER BY item.contact_id) - 1 AS position
                  FROM contacts_bulkitem AS item WHERE {DONE}) AS item
            JOIN unnest(%(positions)s::int[], %(reasons)s::text[]) AS given (position, reason)
              ON given.position = item.position
            WHERE target.enterprise_id = %(enterprise)s AND target.id = item.id
            """,
            positions=list(refused),
            reasons=list(refused.values()),
        )

    def note(self, kind: Kind, data: str = "'{}'::jsonb", **more: Any) -> None:
        """Put an entry on the timeline of each contact (C2); `data` is SQL over `contact` and `item`."""
        self.execute(
            f"""
            INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
            SELECT uuid7(), %(enterprise)s, contact.id, %(kind)s, %(side)s, %(now)s, %(actor)s, %(key)s,
                   jsonb_build_object('job', %(job)s::text) || {data}
            FROM {CONTACTS}
            """,
            kind=kind.value,
            side=kind.side.value,
            key=f"job:{self.job}",
            **more,
        )

    def write_ledger(self, count: int, *, reason: str, delta: int) -> None:
        """A ledger row for each contact (Q14); right after the account was changed."""
        quota.write_ledger_from(
            self.actor,
            source=f"SELECT contact.id, coalesce(nullif(contact.remark, ''), contact.name) FROM {CONTACTS}",
            params=self.params,
            count=count,
            reason=reason,
            delta=delta,
        )

    def record(self, action: str, count: int, label: str, **after: Any) -> None:
        """The audit entry of the batch: one for all its contacts, with their number (X3)."""
        audit.record(
            self.actor,
            action,
            subject_type="job",
            subject_id=self.job,
            subject_label=label,
            after={"contacts": count, **after},
        )
