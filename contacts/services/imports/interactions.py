"""Loading interactions: what happened with known contacts (C6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.ids import uuid7
from common.sql import row as one_row
from contacts.files.reasons import Reason
from contacts.files.rows import InteractionRow
from contacts.rules import Kind, Right, Side
from contacts.services.grading import regrade
from contacts.services.imports.staging import Loaded, Loader


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
        found = one_row(
            "SELECT count(*) FILTER (WHERE changed), 0, count(*) FILTER (WHERE NOT changed)"
            " FROM staged WHERE refusal IS NULL"
        )
        assert found is not None
        created, updated, unchanged = found
        return Loaded(created, updated, unchanged, self.refused())

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
