"""Loading the list of people whom WeCom counts (Q2): it replaces the one before, and is compared with ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from common import clock
from common.ids import uuid7
from common.sql import row as one_row
from contacts.files.rows import ServedRow
from contacts.services.imports.staging import Loaded, Loader
from contacts.services.platform import compare
from quota import services as quota


@dataclass
class ServedLoader(Loader[ServedRow]):
    """Rows of the list, one for each relation: a person may be there by several members and groups."""

    COLUMNS = """external_userid text, new_id uuid, name text, member text, group_name text, added_at timestamptz"""

    def key(self, row: ServedRow) -> tuple[str, str, str]:
        return row.external_userid, row.member, row.group

    def load(self, batch: Sequence[tuple[int, ServedRow]]) -> Loaded:
        self.copy(
            "line, external_userid, new_id, name, member, group_name, added_at",
            (
                (line, row.external_userid, uuid7(), row.name, row.member, row.group, row.added_at)
                for line, row in batch
            ),
        )
        found = one_row(
            """
            WITH kept AS (
                INSERT INTO contacts_platformentry AS entry
                    (id, enterprise_id, external_userid, name, member, group_name, added_at, job_id)
                SELECT new_id, %(enterprise)s, external_userid, name, member, group_name, added_at, %(job)s FROM staged
                ON CONFLICT (enterprise_id, external_userid, member, group_name)
                DO UPDATE SET name = excluded.name, added_at = excluded.added_at, job_id = excluded.job_id
                RETURNING xmax = 0 AS fresh)
            SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM kept
            """,
            {**self.params(), "job": self.job_id},
        )
        assert found is not None
        return Loaded(created=found[0], unchanged=found[1])

    def finish(self) -> None:
        """Who is not in this list any more leaves it; the number of people in it is WeCom's number."""
        self.sql(
            "DELETE FROM contacts_platformentry WHERE enterprise_id = %(enterprise)s AND job_id <> %(job)s",
            job=self.job_id,
        )
        listed = compare(self.actor).listed
        quota.record_platform_served(self.actor, served=listed or 0, at=clock.now())
