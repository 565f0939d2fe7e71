"""The scope and real transactions (X2): what must not outlive a commit, and what statistics must not tell."""

import psycopg
import pytest
from django.db import DataError, ProgrammingError, connection, transaction

from common.ids import uuid7
from common.tenancy import NoTenant, tenant
from contacts.models import Contact, TagGroup
from tests import services
from tests.tenancy.test_attacks import RAW, World, raw


def test_x2_the_scope_ends_with_its_transaction(committed_db):
    """Real transactions on one connection: after commit, after rollback, after an error."""
    mine = World("我方")
    for ending in ("commit", "rollback", "error"):
        try:
            with tenant(mine.enterprise.pk):
                assert raw(RAW) == [(1,)]
                if ending == "rollback":
                    transaction.set_rollback(True)
                if ending == "error":
                    raw("SELECT 1/0")
        except DataError:
            assert ending == "error"
        with pytest.raises((ProgrammingError, DataError)):
            raw(RAW)


def test_x2_statistics_of_others_are_not_readable(committed_db, database_name):
    """pg_stats shows values; PostgreSQL hides it for tables under row-level security from those it holds for."""
    mine = World("我方")
    with psycopg.connect(services.owner_conninfo(database_name), autocommit=True) as owner:
        owner.execute("ANALYZE contacts_contact")
        assert owner.execute("SELECT count(*) FROM pg_stats WHERE tablename = 'contacts_contact'").fetchone()[0] > 0
    with tenant(mine.enterprise.pk):
        assert raw("SELECT count(*) FROM pg_stats WHERE tablename = 'contacts_contact'") == [(0,)]


def test_x2_copy_obeys_the_wall(committed_db):
    """COPY reads through the policy; writing by COPY is refused by PostgreSQL on tables under row-level security."""
    mine, theirs = World("我方"), World("对方")
    with tenant(mine.enterprise.pk), connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT id FROM contacts_contact) TO STDOUT") as rows:
            assert list(rows.rows()) == [(str(mine.contact.pk),)]
        with cursor.copy("COPY contacts_taggroup (id, name) TO STDOUT") as rows:
            assert len(list(rows.rows())) == 1
    line = f"{uuid7()}\t{theirs.enterprise.pk}\t混入\t0\n"
    columns = "COPY contacts_taggroup (id, enterprise_id, name, position) FROM STDIN"
    with pytest.raises(psycopg.Error), tenant(mine.enterprise.pk), connection.cursor() as cursor:
        with cursor.copy(columns) as rows:
            rows.write(line)
    with tenant(theirs.enterprise.pk):
        assert TagGroup.objects.count() == 1


def test_x2_a_held_cursor_keeps_only_what_was_seen_in_its_scope(committed_db):
    mine, theirs = World("我方"), World("对方")
    with tenant(mine.enterprise.pk):
        raw("DECLARE held CURSOR WITH HOLD FOR SELECT id FROM contacts_contact")
    with tenant(theirs.enterprise.pk):
        assert raw("FETCH ALL FROM held") == [(mine.contact.pk,)]  # a copy of mine, nothing of theirs
        raw("CLOSE held")


def test_x2_a_generator_that_is_consumed_after_the_scope_raises(committed_db):
    mine = World("我方")
    with tenant(mine.enterprise.pk):
        rows = Contact.objects.iterator(chunk_size=1)
    with pytest.raises((NoTenant, ProgrammingError, DataError)):
        next(rows)


def test_x2_what_the_planner_tells_is_a_number_and_no_value(committed_db, database_name):
    """Knowable to whoever may write SQL: about how many rows a table has in all (docs/security.md). No more."""
    mine, theirs = World("我方"), World("对方")
    with psycopg.connect(services.owner_conninfo(database_name), autocommit=True) as owner:
        owner.execute("ANALYZE contacts_contact")
    with tenant(mine.enterprise.pk):
        assert raw("SELECT reltuples FROM pg_class WHERE relname = 'contacts_contact'") == [(2.0,)]
        plan = str(raw("EXPLAIN (VERBOSE) SELECT * FROM contacts_contact WHERE name LIKE '客户%%'"))
    assert "current_setting" in plan and str(theirs.enterprise.pk) not in plan and "对方" not in plan


def test_x2_the_next_user_of_a_pooled_connection_has_no_scope(committed_db):
    """The connection stays open between requests; nothing of the last one's scope stays with it."""
    mine, theirs = World("我方"), World("对方")
    with tenant(mine.enterprise.pk):
        backend = raw("SELECT pg_backend_pid()")
    assert raw("SELECT pg_backend_pid()") == backend
    assert raw("SELECT current_setting('app.enterprise_id', true)") in ([("",)], [(None,)])
    with tenant(theirs.enterprise.pk):
        assert raw("SELECT pg_backend_pid()") == backend
        assert Contact.objects.get().pk == theirs.contact.pk
