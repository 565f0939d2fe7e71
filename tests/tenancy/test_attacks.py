"""Two tenants, and every way we know to reach over the wall (X2; the holes of reference styles 2.2).

`mine` is in scope, `theirs` is not. Whatever goes past the manager must be stopped by the database.
"""

import threading
from collections.abc import Iterator

import pytest
from django.db import DataError, IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Count
from django.db.utils import DatabaseError

from common.ids import uuid7
from common.tenancy import NoTenant, tenant
from contacts.models import Contact, Follow, GroupChat, GroupMember, Tag, TagGroup
from enterprises.models import Department, Enterprise, Member
from quota.models import LedgerEntry
from tests import factories

pytestmark = pytest.mark.django_db

RAW = "SELECT count(*) FROM contacts_contact"


class World:
    """An enterprise with one contact, and what the attacker knows of it: ids."""

    def __init__(self, name: str) -> None:
        self.enterprise: Enterprise = factories.enterprise(name=name)
        with tenant(self.enterprise.pk):
            self.actor = factories.super_admin(self.enterprise)
            self.contact = factories.contact(self.actor, name=f"客户 {name}")
            self.member: Member = self.actor.member
            self.group = GroupChat.objects.create(chat_id="wr1", name=name, owner=self.member)
            GroupMember.objects.create(group=self.group, contact=self.contact)
            self.tags = TagGroup.objects.create(name="组")
            self.tag = Tag.objects.create(group=self.tags, name="标签")


@pytest.fixture
def mine(db: None) -> World:
    return World("我方")


@pytest.fixture
def theirs(db: None) -> World:
    return World("对方")


@pytest.fixture
def inside(mine: World, theirs: World) -> Iterator[None]:
    """Work in the scope of `mine`."""
    with tenant(mine.enterprise.pk):
        yield


def raw(statement: str, *params: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


# --- Without a scope nothing answers, not even "no" ---------------------------------------------------------

UNSCOPED = {
    "all": lambda: list(Contact.objects.all()),
    "count": lambda: Contact.objects.count(),
    "exists": lambda: Contact.objects.exists(),
    "exclude exists": lambda: Contact.objects.exclude(name="").exists(),
    "using": lambda: Contact.objects.using("default").exists(),
    "explain": lambda: Contact.objects.all().explain(),
    "in_bulk": lambda: Contact.objects.in_bulk(),
    "aggregate": lambda: Contact.objects.aggregate(Count("id")),
    "update": lambda: Contact.objects.update(name="x"),
    "create": lambda: Contact.objects.create(external_userid="x", name="x"),
    "new instance": lambda: Contact(external_userid="x", name="x"),
    "base manager": lambda: Contact._base_manager.count(),
    "default manager": lambda: Contact._default_manager.count(),
}


@pytest.mark.parametrize("attempt", UNSCOPED.values(), ids=UNSCOPED.keys())
def test_x2_a_missing_scope_raises_in_the_manager(mine, attempt):
    with pytest.raises(NoTenant):
        attempt()


def test_x2_instances_are_of_no_use_outside_their_scope(mine):
    contact = mine.contact
    for attempt in (contact.save, contact.delete, contact.refresh_from_db, lambda: contact.follows.count()):
        with pytest.raises(NoTenant), transaction.atomic():
            attempt()
    with pytest.raises(NoTenant):
        _ = Follow(contact_id=contact.pk, member_id=mine.member.pk, enterprise_id=contact.enterprise_id).contact


@pytest.mark.parametrize(
    "statement",
    [
        RAW,
        "SELECT 1 FROM contacts_contact WHERE id IS NOT NULL",
        "UPDATE contacts_contact SET name = 'x'",
        "DELETE FROM contacts_followtag; DELETE FROM contacts_follow",
        "SELECT * FROM quota_account",
        "SELECT * FROM enterprises_member",
        "SELECT * FROM jobs_jobrun, contacts_contact",
    ],
)
def test_x2_a_missing_scope_raises_in_the_database(mine, statement):
    with pytest.raises((ProgrammingError, DataError)), transaction.atomic():
        raw(statement)


# --- Inside a scope the others do not exist -----------------------------------------------------------------


def test_x2_their_rows_are_not_there_whatever_the_query(inside, mine, theirs):
    other = theirs.contact.pk
    assert not Contact.objects.filter(pk=other).exists()
    assert Contact.objects.exclude(pk=mine.contact.pk).exists() is False
    assert list(Contact.objects.values_list("name", flat=True)) == [mine.contact.name]
    assert raw(RAW) == [(1,)]
    assert raw("SELECT count(*) FROM contacts_contact WHERE id = %s", other) == [(0,)]
    assert raw("SELECT count(*) FROM contacts_contact WHERE enterprise_id = %s", theirs.enterprise.pk) == [(0,)]
    assert [row.pk for row in Contact.objects.raw("SELECT * FROM contacts_contact")] == [mine.contact.pk]
    assert Contact.objects.none().union(Contact.objects.all()).count() == 1
    assert raw("SELECT count(*) FROM quota_ledgerentry")[0][0] == LedgerEntry.objects.count() == 1


def test_x2_joins_prefetches_and_counts_do_not_reach_over(inside, mine, theirs):
    assert list(GroupChat.objects.values_list("memberships__contact__name", flat=True)) == [mine.contact.name]
    assert GroupChat.objects.annotate(size=Count("memberships")).get().size == 1
    assert Member.objects.annotate(size=Count("follows")).get(pk=mine.member.pk).size == 1
    follow = Follow.objects.select_related("contact", "member").get()
    assert (follow.contact_id, follow.member_id) == (mine.contact.pk, mine.member.pk)
    [contact] = Contact.objects.prefetch_related("follows__member", "group_memberships__group")
    assert [one.group_id for one in contact.group_memberships.all()] == [mine.group.pk]
    # Their instance in my scope: its relations are empty, because nothing of it is here.
    assert theirs.contact.follows.count() == 0
    assert list(theirs.group.memberships.all()) == []


def test_x2_their_rows_cannot_be_changed_or_deleted(inside, mine, theirs):
    assert Contact.objects.filter(pk=theirs.contact.pk).update(name="x") == 0
    assert Contact.objects.filter(pk=theirs.contact.pk).delete()[0] == 0
    raw("UPDATE contacts_contact SET name = 'x' WHERE id = %s", theirs.contact.pk)
    raw("DELETE FROM contacts_groupmember WHERE contact_id = %s", theirs.contact.pk)
    theirs.contact.name = "x"
    with pytest.raises(DatabaseError), transaction.atomic():
        theirs.contact.save(update_fields=["name"])
    with pytest.raises(Contact.DoesNotExist):
        theirs.contact.refresh_from_db()
    with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
        theirs.contact.save()
    theirs.contact.name = "y"
    Contact.objects.bulk_update([theirs.contact], ["name"])


def test_x2_and_they_are_as_they_were(mine, theirs):
    with tenant(mine.enterprise.pk):
        Contact.objects.bulk_update([theirs.contact], ["name"])
        raw("UPDATE contacts_contact SET name = 'x' WHERE id = %s", theirs.contact.pk)
        raw("DELETE FROM contacts_groupmember WHERE group_id = %s", theirs.group.pk)
    with tenant(theirs.enterprise.pk):
        assert Contact.objects.get().name == "客户 对方"
        assert GroupMember.objects.count() == 1


def test_x2_no_row_can_be_put_into_another_enterprise(inside, mine, theirs):
    foreign = {"enterprise_id": theirs.enterprise.pk}
    attempts = (
        lambda: Department.objects.create(name="x", **foreign),
        lambda: Department.objects.bulk_create([Department(name="x", **foreign)]),
        lambda: Department(name="x", **foreign).save(),
        lambda: Department.objects.get_or_create(name="x", defaults=foreign),
        lambda: Department.objects.update_or_create(name="y", defaults=foreign),
        lambda: TagGroup.objects.update(enterprise_id=theirs.enterprise.pk),
        lambda: raw("UPDATE contacts_taggroup SET enterprise_id = %s", theirs.enterprise.pk),
        lambda: raw(
            "INSERT INTO contacts_taggroup (id, enterprise_id, name, position) VALUES (%s, %s, 'x', 0)",
            uuid7(),
            theirs.enterprise.pk,
        ),
    )
    for attempt in attempts:
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


def test_x2_no_row_can_point_into_another_enterprise(inside, mine, theirs):
    attempts = (
        lambda: Tag.objects.create(group_id=theirs.tags.pk, name="x"),
        lambda: Tag.objects.create(group=theirs.tags, name="x"),
        lambda: Follow.objects.create(contact=mine.contact, member=theirs.member, added_at=mine.contact.added_at),
        lambda: GroupMember.objects.create(group=theirs.group, contact=mine.contact),
        lambda: mine.group.memberships.create(contact_id=theirs.contact.pk),
        lambda: mine.group.memberships.set([GroupMember(contact_id=theirs.contact.pk)], bulk=False),
        lambda: Contact.objects.filter(pk=mine.contact.pk).update(owner_id=theirs.member.pk),
        lambda: raw("UPDATE contacts_contact SET owner_id = %s", theirs.member.pk),
        lambda: Department.objects.create(name="x", leader=theirs.member),
    )
    for attempt in attempts:
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()


def test_x2_a_queryset_made_in_one_scope_is_empty_in_another(mine, theirs):
    with tenant(theirs.enterprise.pk):
        lazy = Contact.objects.all()
    with pytest.raises((ProgrammingError, DataError)), transaction.atomic():
        list(lazy)
    with tenant(mine.enterprise.pk):
        assert list(lazy) == []
        assert lazy.count() == 0
        assert Contact.objects.filter(pk__in=lazy.values("pk")).exists() is False


# --- The scope itself ---------------------------------------------------------------------------------------


def test_x2_the_scope_takes_nothing_but_an_enterprise_id(mine):
    for bad in (None, "", "*", str(mine.enterprise.pk), "x'; RESET ROLE; --", mine.enterprise):
        with pytest.raises(TypeError), tenant(bad):  # type: ignore[arg-type]
            pytest.fail("opened")


def test_x2_scopes_do_not_nest(mine, theirs):
    with tenant(mine.enterprise.pk):
        for inner in (mine, theirs):
            with pytest.raises(RuntimeError), tenant(inner.enterprise.pk):
                pytest.fail("opened")
        assert Contact.objects.get().pk == mine.contact.pk


def test_x2_a_thread_has_no_scope_of_its_own(inside, mine):
    caught: list[Exception] = []

    def attempt() -> None:
        try:
            Contact.objects.count()
        except NoTenant as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert [type(error) for error in caught] == [NoTenant]


# --- The role -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE contacts_contact CASCADE",
        "ALTER TABLE contacts_contact DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE contacts_contact NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_wall ON contacts_contact",
        "CREATE POLICY everything ON contacts_contact USING (true)",
        "DROP TABLE contacts_contact",
        "CREATE TABLE loot (id int)",
        "CREATE FUNCTION public.loot() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'",
        "SET ROLE scrm_owner",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER ROLE scrm_app BYPASSRLS",
        "ALTER ROLE scrm_app SUPERUSER",
        "COPY contacts_contact TO '/tmp/loot'",
        "COPY contacts_contact FROM PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "SET row_security = off; SELECT count(*) FROM contacts_contact",
    ],
)
def test_x2_the_runtime_role_cannot_take_the_wall_down(inside, statement):
    with pytest.raises(DatabaseError), transaction.atomic():
        raw(statement)


# --- The functions that see over the wall ---------------------------------------------------------------------


def test_x2_definer_functions_are_few_and_pinned():
    """Each SECURITY DEFINER function is a hole on purpose: named here, with a fixed search path."""
    found = raw(
        "SELECT proname::text, coalesce(proconfig::text, '') FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname"
    )
    assert {name for name, _config in found} <= ALLOWED_DEFINERS
    assert all("search_path=public, pg_temp" in config for _name, config in found)


# memberships_of: where a person belongs, for the log-in.
# stale_job_runs: which runs nobody looks after; enterprises_due: which enterprises have no run in a window;
# enterprises_with_reminders: which enterprises have somebody to remind; enterprises_with_deliveries: which have
# something to send. Ids only.
# contacts_found: ids of contacts of the enterprise in scope; contacts_expected: how many the planner expects, a number;
# both attacked in tests/contacts/test_search.py.
# bridge_join, bridge_leave, joined_spaces, joined_space, joined_share_opened: a space that the enterprise in scope
# joined elsewhere, by a connection of both sides; attacked in tests/upstream/test_bridge_attacks.py.
ALLOWED_DEFINERS = {
    "bridge_join",
    "bridge_leave",
    "joined_share_opened",
    "joined_space",
    "joined_spaces",
    "contacts_expected",
    "contacts_found",
    "memberships_of",
    "stale_job_runs",
    "enterprises_due",
    "enterprises_with_deliveries",
    "enterprises_with_reminders",
    "enterprises_with_clean_ups",
    "enterprises_with_due_messages",
}


def test_x2_the_definer_functions_of_jobs_tell_ids_and_nothing_else(mine, theirs):
    returned = raw(
        "SELECT proname::text, pg_get_function_result(oid) FROM pg_proc"
        " WHERE proname IN ('stale_job_runs', 'enterprises_due', 'enterprises_with_deliveries',"
        " 'enterprises_with_reminders') ORDER BY proname"
    )
    assert returned == [
        ("enterprises_due", "SETOF uuid"),
        ("enterprises_with_deliveries", "SETOF uuid"),
        ("enterprises_with_reminders", "SETOF uuid"),
        ("stale_job_runs", "TABLE(enterprise_id uuid, run_id uuid)"),
    ]
    raw("CREATE TEMP TABLE jobs_jobrun AS SELECT now() AS dispatched_at")
    assert raw("SELECT * FROM stale_job_runs(now(), interval '30 seconds', 10)") == []
    everybody = "SELECT enterprises_due('x', 'k', 'Asia/Shanghai', 1, '00000000-0000-0000-0000-000000000000', %s)"
    assert len(raw(everybody, 1)) == 1
    # Text stays text, whatever is in it.
    assert raw("SELECT enterprises_due(%s, 'k', %s, 1, %s, 9)", "x' OR true --", "' OR true --", uuid7()) == []


@pytest.mark.parametrize(
    "name", ["stale_job_runs", "enterprises_due", "enterprises_with_deliveries", "enterprises_with_reminders"]
)
def test_x2_definer_functions_of_jobs_are_for_the_program_alone(db, name):
    [acl] = raw("SELECT proacl::text FROM pg_proc WHERE proname = %s", name)
    assert "=X/" not in acl[0].replace("scrm_app=X/", "").replace("scrm_owner=X/", "")


def test_x2_memberships_of_tells_a_person_only_where_they_belong(mine, theirs):
    person = mine.member.user_id
    assert [row[0] for row in raw("SELECT enterprise_id FROM memberships_of(%s)", person)] == [mine.enterprise.pk]
    assert raw("SELECT * FROM memberships_of(%s)", uuid7()) == []
    assert raw("SELECT * FROM memberships_of(NULL)") == []


def test_x2_a_shadow_table_does_not_fool_the_definer_function(mine, theirs):
    raw("CREATE TEMP TABLE enterprises_member AS SELECT NULL::uuid AS user_id, NULL::uuid AS enterprise_id")
    assert len(raw("SELECT * FROM memberships_of(%s)", mine.member.user_id)) == 1
