"""The temporary table that a batch is copied into, and what its loaders share.

COPY cannot write into a table behind row-level security, so rows go by COPY into a table of this transaction's
own and from there by INSERT … SELECT, which the wall checks.

Statements look rows of the big tables up by the keys of the batch (`= ANY (…)`), and joins with the batch never
loop: plans hold without statistics of an enterprise that is filled just now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models.functions import Lower

from common.sql import execute, joins_never_loop, rows
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.files.reasons import Reason
from contacts.files.rows import Row
from contacts.models import Contact
from contacts.querysets import members_in_range
from contacts.rules import Right
from contacts.services.grading import News
from enterprises.actors import Actor
from enterprises.models import Member, Role
from enterprises.policy import Policy


@dataclass
class Loaded:
    """What became of the rows of a batch: counts, and the refused lines with reason and column."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, Reason, str | None]] = field(default_factory=list)


RowT = TypeVar("RowT", bound=Row)


@dataclass
class Loader(Generic[RowT]):
    """Loads typed rows of one kind. One per run; it remembers what it looked up."""

    actor: Actor
    now: datetime
    policy: Policy
    partial: bool
    job_id: UUID
    members: dict[str, UUID | None] = field(default_factory=dict)

    COLUMNS: ClassVar[str] = ""  # of the staging table, behind line, contact_id, refusal, changed

    def key(self, row: RowT) -> Any:
        """What makes two rows of a file the same record."""
        raise NotImplementedError

    def load(self, batch: Sequence[tuple[int, RowT]]) -> Loaded:
        """Write the rows of a batch inside the open transaction."""
        raise NotImplementedError

    def finish(self) -> None:
        """What is left to do before the transaction commits."""

    # --- the staging table ------------------------------------------------------------------------------------

    def open_staging(self) -> None:
        """Make the table for this transaction."""
        execute(
            f"""
            DROP TABLE IF EXISTS staged;
            CREATE TEMP TABLE staged (
                line bigint, contact_id uuid, refusal text, refused_column text, changed boolean DEFAULT false,
                {self.COLUMNS}
            ) ON COMMIT DROP
            """
        )
        joins_never_loop()

    def copy(self, columns: str, values: Iterable[Sequence[Any]]) -> None:
        """Replace what is staged."""
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE staged")
            with cursor.copy(f"COPY staged ({columns}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)
            cursor.execute("ANALYZE staged")

    def match_contacts(self, keys: list[str]) -> None:
        """Find the contacts that the rows name, and refuse those that the importer may not see.

        `keys`: the external user ids of the batch. As values, not as a subquery: a list that the planner sees can be
        hashed when it takes another index than the right one.
        """
        self.sql(
            """
            UPDATE staged SET contact_id = coalesce(known.merged_into_id, known.id) FROM contacts_contact AS known
            WHERE known.enterprise_id = %(enterprise)s AND known.external_userid = staged.external_userid
              AND known.external_userid = ANY (%(keys)s)
            """,
            keys=keys,
        )
        member = self.actor.member
        if member is None or member.role.scope == Role.Scope.ALL:
            return
        found = [contact for (contact,) in rows("SELECT DISTINCT contact_id FROM staged WHERE contact_id IS NOT NULL")]
        seen = Contact.objects.visible_to(self.actor).filter(pk__in=found).values_list("pk", flat=True)
        self.sql(
            "UPDATE staged SET refusal = %(reason)s, refused_column = 'external_userid'"
            " WHERE contact_id = ANY (%(hidden)s)",
            reason=Reason.FORBIDDEN.value,
            hidden=list(set(found) - set(seen)),
        )

    def refuse(self, right: Right, *, column: str, when: str = "true") -> None:
        """Refuse the rows whose contact is not the importer's to change like that (O2), naming the column.

        `when`: SQL over `staged` and `contact`, which rows would. Admins change everything they see.
        """
        member = self.actor.member
        if member is None or member.role.scope != Role.Scope.RELATED:
            return
        allowed = access.permits(right) if self.actor.may(right.code) else "false"
        self.sql(
            f"""
            UPDATE staged SET refusal = %(reason)s, refused_column = %(column)s FROM contacts_contact AS contact
            WHERE staged.refusal IS NULL AND contact.enterprise_id = %(enterprise)s AND contact.id = staged.contact_id
              AND contact.id = ANY (ARRAY(SELECT contact_id FROM staged WHERE contact_id IS NOT NULL))
              AND ({when}) AND NOT {allowed}
            """,  # noqa: S608 - conditions of ours
            reason=Reason.FORBIDDEN.value,
            column=column,
            **access.asking(self.actor),
        )

    def refuse_unknown_contacts(self) -> None:
        self.sql(
            "UPDATE staged SET refusal = %(reason)s, refused_column = 'external_userid' WHERE contact_id IS NULL",
            reason=Reason.CONTACT_UNKNOWN.value,
        )

    def news(self, *, at: str, customer: str, sign_of_life: str) -> News:
        """Brings the contacts' last times up to date (C6) and ends their silence at once (C7).

        The arguments are SQL over `staged`: the row's moment, whether the customer acted, whether that counts.
        """
        return News(
            source=f"""
                SELECT contact_id, max({at}) AS last_at, max({at}) FILTER (WHERE {customer}) AS last_customer_at,
                       max({at}) FILTER (WHERE {sign_of_life}) AS last_sign_at
                FROM staged WHERE refusal IS NULL AND changed GROUP BY contact_id""",  # noqa: S608 - they are ours
            sets="""last_contact_at = greatest(contact.last_contact_at, news.last_at),
                last_customer_at = greatest(contact.last_customer_at, news.last_customer_at),
                inactive = contact.inactive AND coalesce(news.last_sign_at <= %(silent_since)s, true)""",
            changed="""news.last_at > contact.last_contact_at
                OR news.last_customer_at > coalesce(contact.last_customer_at, '-infinity')
                OR (contact.inactive AND news.last_sign_at > %(silent_since)s)""",
            params=self.params(),
        )

    def touched(self) -> list[UUID]:
        """The contacts of whom the file told something new."""
        return [found for (found,) in rows("SELECT DISTINCT contact_id FROM staged WHERE refusal IS NULL AND changed")]

    def sql(self, statement: str, **params: Any) -> int:
        """Run a statement with what all of them need."""
        return execute(statement, {**self.params(), **params})

    def params(self) -> dict[str, Any]:
        from contacts.rules import silent_since

        return {
            "enterprise": current_enterprise_id(),
            "now": self.now,
            "silent_since": silent_since(self.now, self.policy),
            "kinds": [kind.value for kind in self.policy.inactive_kinds],
        }

    def refused(self) -> list[tuple[int, Reason, str | None]]:
        return [
            (line, Reason(reason), column)
            for line, reason, column in rows(
                "SELECT line, refusal, refused_column FROM staged WHERE refusal IS NOT NULL ORDER BY line"
            )
        ]

    # --- members ----------------------------------------------------------------------------------------------

    def find_members(self, names: Iterable[str], *, active: bool) -> None:
        """Look up user ids and e-mail addresses that were not met before; case does not count."""
        wanted = {name.lower() for name in names if name} - self.members.keys()
        if not wanted:
            return
        found = Member.objects.annotate(lower_id=Lower("userid"), lower_mail=Lower("email"))
        if active:
            found = found.filter(status=Member.Status.ACTIVE)
            member = self.actor.member
            if member is not None and member.role.scope == Role.Scope.DEPARTMENTS:
                found = found.filter(pk__in=members_in_range(member).values("pk"))
        self.members.update(dict.fromkeys(wanted))
        for pk, mail in found.filter(lower_mail__in=wanted).values_list("pk", "lower_mail"):
            self.members[mail] = pk
        for pk, userid in found.filter(lower_id__in=wanted).values_list("pk", "lower_id"):
            self.members[userid] = pk

    def member(self, name: str) -> UUID | None:
        return self.members.get(name.lower())
