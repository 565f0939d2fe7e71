"""The same work by hand: plain SQL on the same tables, or on tables made like them."""

import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from common.ids import uuid7
from common.terms import mark, terms
from contacts.services.search_entries import fingerprint

_ADD = (
    """INSERT INTO contacts_contact (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones,
           description, status, owner_id, added_at, grade, grade_source, spend_365d, activity, inactive,
           last_contact_at, version, created_at)
       VALUES (%(id)s, %(e)s, %(key)s, '', '王小明', '', 'wechat', '', '{}', '', 'active', %(m)s, %(now)s, 'low',
           'auto', 0, 'never', false, %(now)s, 1, %(now)s)""",
    """INSERT INTO contacts_searchentry (id, enterprise_id, contact_id, terms, fingerprint)
       VALUES (%(id6)s, %(e)s, %(id)s, array_to_tsvector(%(terms)s), %(fingerprint)s)""",
    """INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
       VALUES (%(id2)s, %(e)s, %(id)s, %(m)s, 'active', %(now)s, '', '')""",
    """INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
       VALUES (%(id3)s, %(e)s, %(id)s, 'added', 'system', %(now)s, %(m)s, %(key)s, '{}')""",
    """INSERT INTO enterprises_auditentry (id, enterprise_id, at, action, actor_kind, actor_id, actor_label, via, ip,
           request_id, subject_type, subject_id, subject_label, before, after)
       VALUES (%(id4)s, %(e)s, %(now)s, 'contact.added', 'member', %(m)s, 'bench', 'api', NULL, '', 'contact', %(id)s,
           '王小明', '{}', %(after)s)""",
    """UPDATE quota_account SET served = served + 1, ledger_number = ledger_number + 1
       WHERE enterprise_id = %(e)s AND served + 1 <= capacity RETURNING served, ledger_number""",
    """INSERT INTO quota_ledgerentry (id, enterprise_id, number, at, delta, served_after, reason, contact_id,
           contact_label, actor_id, actor_label, job_id)
       VALUES (%(id5)s, %(e)s, %(number)s, %(now)s, 1, %(served)s, 'added', %(id)s, '王小明', %(m)s, 'bench', NULL)""",
)


def adder(enterprise_id: UUID) -> tuple[Callable[[str], None], psycopg.Connection]:
    """A function that adds a contact as the service does, and its connection.

    It writes the same rows in one transaction behind the wall, and decides nothing but whether there is a place.
    """
    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    with connection.transaction():
        connection.execute(f"SET LOCAL app.enterprise_id = '{enterprise_id}'")
        found = connection.execute("SELECT id FROM enterprises_member ORDER BY id LIMIT 1").fetchone()
    assert found is not None
    member = found[0]
    own = mark(enterprise_id)
    entry = {
        "terms": [own + term for term in terms(["王小明"])],
        "fingerprint": fingerprint("王小明", "", "", []),
    }

    def add(key: str) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL app.enterprise_id = '{enterprise_id}'")
            params: dict[str, Any] = {"e": enterprise_id, "m": member, "key": key, "now": datetime.now(UTC)}
            params |= entry | {name: uuid7() for name in ("id", "id2", "id3", "id4", "id5", "id6")}
            params["after"] = json.dumps({"external_userid": key})
            for statement in _ADD[:-1]:
                cursor.execute(statement, params)
            params["served"], params["number"] = cursor.fetchone()  # type: ignore[misc]
            cursor.execute(_ADD[-1], params)

    return add, connection


class Copies:
    """Empty tables like those that an import fills, and their rows as COPY reads them: what an import cannot beat.

    The rows are finished: nothing is parsed, looked up, made searchable or compared with what is there, and nobody's
    contact is brought up to date by a purchase.
    """

    TABLES = (
        "contacts_contact",
        "contacts_searchentry",
        "contacts_follow",
        "contacts_interaction",
        "quota_ledgerentry",
        "contacts_purchase",
    )

    def __init__(self, enterprise_id: UUID) -> None:
        self.connection = psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)
        self.rows: dict[str, tuple[str, bytes]] = {}
        self.keyed = False
        for table in self.TABLES:
            self.connection.execute(f"DROP TABLE IF EXISTS bench_{table} CASCADE")
            self.connection.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
            columns = ", ".join(
                name
                for (name,) in self.connection.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                    " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
                    (table,),
                )
            )
            text = io.BytesIO()
            query = f"COPY (SELECT {columns} FROM {table} WHERE enterprise_id = '{enterprise_id}') TO STDOUT"
            with self.connection.cursor() as cursor, cursor.copy(query) as copy:
                for block in copy:
                    text.write(block)
            self.rows[table] = columns, text.getvalue()

    def empty(self, *, keys: bool) -> None:
        """Ready to be filled, with the foreign keys or without."""
        self.connection.execute("TRUNCATE " + ", ".join(f"bench_{table}" for table in self.TABLES))
        if keys == self.keyed:
            return
        self.keyed = keys
        for table in self.TABLES:
            for name, key in self.connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass"
                " AND contype = 'f'",
                (table,),
            ).fetchall():
                for other in self.TABLES:
                    key = key.replace(f"REFERENCES {other}(", f"REFERENCES bench_{other}(")
                change = f'ADD CONSTRAINT "{name}" {key}' if keys else f'DROP CONSTRAINT "{name}"'
                self.connection.execute(f"ALTER TABLE bench_{table} {change}")  # type: ignore[arg-type]

    def fill(self) -> None:
        """COPY everything in, in one transaction; indexes are there already, as they are for an import."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for table, (columns, text) in self.rows.items():
                with cursor.copy(f"COPY bench_{table} ({columns}) FROM STDIN") as copy:
                    copy.write(text)

    def drop(self) -> None:
        self.connection.execute("DROP TABLE " + ", ".join(f"bench_{table}" for table in self.TABLES))
        self.connection.close()


SWEEP = (
    """UPDATE contacts_contact SET inactive = true
       WHERE enterprise_id = %(e)s AND NOT inactive AND status <> 'lost' AND added_at <= %(since)s
         AND (last_customer_at IS NULL OR last_customer_at <= %(since)s)""",
    """UPDATE contacts_contact SET inactive = false
       WHERE enterprise_id = %(e)s AND inactive
         AND (status = 'lost' OR added_at > %(since)s OR last_customer_at > %(since)s)""",
)
GRADE = """
    UPDATE contacts_contact AS c
    SET spend_365d = coalesce(p.spend, 0),
        grade = CASE WHEN c.grade_source = 'manual' THEN c.grade WHEN p.spend >= 5000 THEN 'high'
                     WHEN p.spend >= 1000 THEN 'middle' ELSE 'low' END,
        activity = CASE WHEN p.orders >= %(often)s THEN 'frequent'
                        WHEN c.last_customer_at IS NOT NULL OR p.orders > 0 THEN 'occasional' ELSE 'never' END
    FROM contacts_contact AS k LEFT JOIN (
        SELECT contact_id, sum(amount) AS spend, count(*) FILTER (WHERE amount >= 0) AS orders FROM contacts_purchase
        WHERE enterprise_id = %(e)s AND paid_at >= %(since)s GROUP BY contact_id) AS p ON p.contact_id = k.id
    WHERE c.enterprise_id = %(e)s AND k.enterprise_id = %(e)s AND k.id = c.id
      AND (c.spend_365d, c.grade, c.activity) IS DISTINCT FROM (coalesce(p.spend, 0),
           CASE WHEN c.grade_source = 'manual' THEN c.grade WHEN p.spend >= 5000 THEN 'high'
                WHEN p.spend >= 1000 THEN 'middle' ELSE 'low' END,
           CASE WHEN p.orders >= %(often)s THEN 'frequent'
                WHEN c.last_customer_at IS NOT NULL OR p.orders > 0 THEN 'occasional' ELSE 'never' END)
"""
