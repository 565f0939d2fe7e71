"""Loading interactions: what happened with known contacts (C6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.ids import uuid7
from common.sql import row as one_row
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.files.reasons import Reason
from contacts.files.rows import InteractionRow
from contacts.rules import Kind, Right, Side
from contacts.services.grading import regrade
from contacts.services.imports.staging import Loaded, Loader
from contacts.services.returns import WRITES, come_back


@dataclass
class InteractionLoader(Loader[InteractionRow]):
    """Rows of interactions. The key makes an interaction happen once, however often its file comes."""

    COLUMNS = """external_userid text, new_id uuid, kind text, side text, at timestamptz, member_id uuid, key text"""

    def key(self, row: InteractionRow) -> tuple[str, str]:
        return row.external_userid, row.key

    def load(self, batch: Sequence[tuple[int, InteractionRow]]) -> Loaded:
        self.find_members((row.member for _line, row in batch), active=False)
        self.copy(
            "line, refusal, refused_column, external_userid, new_id, kind, side, at, member_id, key",
            (self._staged(line, row) for line, row in batch),
        )
        self.match_contacts([row.external_userid for _line, row in batch])
        self.refuse_unknown_contacts()
        self.refuse(Right.FOLLOW_UP, column="external_userid")
        self.sql(
            """
            WITH made AS (
                INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
                SELECT new_id, %(enterprise)s, contact_id, kind, side, at, member_id, key, '{}'
                FROM staged WHERE refusal IS NULL
                ON CONFLICT (enterprise_id, contact_id, key) DO NOTHING
                RETURNING id)
            UPDATE staged SET changed = true FROM made WHERE staged.new_id = made.id
            """
        )
        news = self.news(
            at="staged.at", customer=f"side = '{Side.CUSTOMER.value}'", sign_of_life="kind = ANY (%(kinds)s)"
        )
        regrade(self.touched(), self.now, news=news)
        self._bring_back()
        found = one_row(
            "SELECT count(*) FILTER (WHERE changed), 0, count(*) FILTER (WHERE NOT changed)"
            " FROM staged WHERE refusal IS NULL"
        )
        assert found is not None
        created, updated, unchanged = found
        return Loaded(created, updated, unchanged, self.refused())

    def _bring_back(self) -> None:
        """Archived people who wrote after they were archived come back while there is room, else wait (C8)."""
        wrote = rows(
            """
            SELECT DISTINCT staged.contact_id FROM staged
            JOIN contacts_contact AS contact
              ON contact.enterprise_id = %(enterprise)s AND contact.id = staged.contact_id
            WHERE staged.changed AND staged.kind = ANY (%(writes)s) AND contact.status = 'archived'
              AND contact.archived_at <= staged.at
            """,
            {"enterprise": current_enterprise_id(), "writes": [kind.value for kind in WRITES]},
        )
        if wrote:
            come_back(self.actor, contacts=[contact for (contact,) in wrote])

    def _staged(self, line: int, row: InteractionRow) -> tuple:
        member = self.member(row.member) if row.member else None
        unknown = bool(row.member) and member is None
        return (
            line,
            Reason.MEMBER_UNKNOWN.value if unknown else None,
            "member" if unknown else None,
            row.external_userid,
            uuid7(),
            row.kind,
            Kind(row.kind).side.value,
            row.at,
            member,
            row.key,
        )
