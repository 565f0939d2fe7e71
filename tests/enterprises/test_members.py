"""Members: accounts, access that ends at once, and nobody above oneself."""

import pytest

from common.errors import Conflict, Forbidden, Invalid
from common.tenancy import tenant
from enterprises import permissions, tokens
from enterprises.access import memberships
from enterprises.actors import Actor
from enterprises.models import AdminRange, ApiToken, AuditEntry, Department, Member, User
from enterprises.services import SUPER_ADMIN, builtin_role
from enterprises.services import members as services
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_member_without_a_role_is_staff_and_without_a_user_until_invited(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        made = services.create_member(actor, userid="WangXM", name=" 王  小明 ", email="Wang@Example.com ")
        assert (made.name, made.email, made.role.builtin, made.user_id) == (
            "王 小明",
            "wang@example.com",
            "staff",
            None,
        )
        entry = AuditEntry.objects.get(action="member.created")
        assert entry.after == {
            "userid": "WangXM",
            "name": "王 小明",
            "email": "wang@example.com",
            "department": None,
            "role": str(permissions.BUILTIN_ROLES["staff"]),
        }


def test_accounts_and_addresses_are_unique_whatever_their_case(enterprise, other_enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        services.create_member(actor, userid="Wang", name="a", email="a@example.com")
        for fields, code in (
            ({"userid": "wANG", "email": "b@example.com"}, "userid_taken"),
            ({"userid": "other", "email": "A@example.com"}, "email_taken"),
        ):
            with pytest.raises(Conflict) as refused:
                services.create_member(actor, name="b", **fields)
            assert refused.value.code == code
        for userid in ("", "-x", "王", "a b", "x" * 65):
            with pytest.raises(Invalid):
                services.create_member(actor, userid=userid, name="b")
        services.create_member(actor, userid="c", name="c")
        services.create_member(actor, userid="d", name="d")  # several without an address
    with tenant(other_enterprise.pk):
        services.create_member(factories.super_admin(other_enterprise), userid="wang", name="a", email="a@example.com")


def test_editing_writes_what_changed_and_nothing_else(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        team = Department.objects.create(name="team")
        person = factories.member("old")
        services.update_member(actor, member=person, changes={"name": "old"})
        assert not AuditEntry.objects.filter(action="member.changed").exists()
        changed = services.update_member(actor, member=person, changes={"name": "new", "department": team})
        entry = AuditEntry.objects.get(action="member.changed")
        assert entry.before == {"name": "old", "department": None}
        assert entry.after == {"name": "new", "department": "team"}
        assert (changed.version, Member.objects.get(pk=person.pk).name) == (person.version + 1, "new")


def test_o4_ranges_belong_to_graded_admins(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        team = Department.objects.create(name="team")
        person = factories.member()
        with pytest.raises(Invalid):
            services.update_member(actor, member=person, changes={"ranges": [team]})
        graded = builtin_role("graded_admin")
        services.update_member(actor, member=person, changes={"role": graded, "ranges": [team]})
        assert [one.department for one in AdminRange.objects.all()] == [team]
        services.update_member(actor, member=person, changes={"role": builtin_role("staff")})
        assert not AdminRange.objects.exists()
        entry = AuditEntry.objects.filter(action="member.changed").latest("at")
        assert (entry.before["ranges"], entry.after["ranges"]) == (["team"], [])


@pytest.mark.parametrize("leave", [services.disable_member, services.resign_member])
def test_access_ends_with_the_membership_at_once(enterprise, client, leave):
    person = factories.user()
    with tenant(enterprise.pk):
        member = factories.member(user=person)
    api = factories.api_client(enterprise, member)
    client.force_login(person)
    page = f"/e/{enterprise.code}/"
    assert (api.get("/api/v1/me").status_code, client.get(page).status_code) == (200, 200)
    assert client.get("/api/v1/me").status_code == 200
    with tenant(enterprise.pk):
        leave(factories.super_admin(enterprise), member=member)
    assert api.get("/api/v1/me").status_code == 401
    assert client.get(page).status_code == 302  # logged out: they belong nowhere any more
    assert client.get("/api/v1/me").status_code == 401
    assert memberships(person) == []
    with tenant(enterprise.pk):
        services.enable_member(factories.super_admin(enterprise), member=member)
    assert api.get("/api/v1/me").status_code == 401  # tokens do not come back
    client.force_login(User.objects.get(pk=person.pk))
    assert client.get(page).status_code == 200


def test_leaving_one_enterprise_keeps_the_session_of_the_other(enterprise, other_enterprise, client):
    person = factories.user()
    with tenant(enterprise.pk):
        member = factories.member(user=person)
    with tenant(other_enterprise.pk):
        factories.member(user=person)
    client.force_login(person)
    with tenant(enterprise.pk):
        services.resign_member(factories.super_admin(enterprise), member=member)
    assert client.get(f"/e/{enterprise.code}/").status_code == 404
    assert client.get(f"/e/{other_enterprise.code}/").status_code == 200


def test_a_token_of_a_closed_account_is_dead(enterprise):
    person = factories.user()
    with tenant(enterprise.pk):
        member = factories.member(user=person)
    api = factories.api_client(enterprise, member)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert api.get("/api/v1/me").status_code == 401


def test_resigning_and_coming_back(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        person = factories.member()
        gone = services.resign_member(actor, member=person)
        assert (gone.status, gone.left_at is not None) == ("resigned", True)
        with pytest.raises(Conflict):
            services.resign_member(actor, member=person)
        with pytest.raises(Conflict):
            services.disable_member(actor, member=person)
        back = services.enable_member(actor, member=person)
        assert (back.status, back.left_at) == ("active", None)
        actions = AuditEntry.objects.filter(subject_id=person.pk).order_by("at").values_list("action", flat=True)
        assert list(actions) == ["member.resigned", "member.enabled"]


def test_nobody_locks_themselves_out(enterprise, scope):
    with scope():
        first = factories.super_admin(enterprise)
        factories.member(role=SUPER_ADMIN)
        for service in (services.disable_member, services.resign_member):
            with pytest.raises(Forbidden) as refused:
                service(first, member=first.member)
            assert refused.value.code == "oneself"


def test_the_last_super_admin_stays(enterprise, scope):
    with scope():
        operator = Actor.operator(enterprise, "ops")
        last = factories.super_admin(enterprise).member
        factories.member(role=SUPER_ADMIN, status=Member.Status.DISABLED)
        invited = factories.member(role=SUPER_ADMIN)
        Member.objects.filter(pk=invited.pk).update(user=None)
        closed = factories.member(role=SUPER_ADMIN)
        User.objects.filter(pk=closed.user_id).update(is_active=False)
        staff = builtin_role("staff")
        for attempt in (
            lambda: services.disable_member(operator, member=last),
            lambda: services.resign_member(operator, member=last),
            lambda: services.update_member(operator, member=last, changes={"role": staff}),
            lambda: services.update_member(factories.acting(enterprise, last), member=last, changes={"role": staff}),
        ):
            with pytest.raises(Conflict) as refused:
                attempt()
            assert refused.value.code == "last_super_admin"
        factories.member(role=SUPER_ADMIN)
        services.update_member(operator, member=last, changes={"role": staff})


# --- Nobody beyond themselves -------------------------------------------------------------------------------


def test_nobody_gives_a_role_that_exceeds_their_own(enterprise, scope):
    with scope():
        manager = factories.acting(enterprise, factories.member(role=factories.role("members.view", "members.manage")))
        equal = factories.role("members.view")
        wider = factories.role("members.view", "contacts.delete")
        person = factories.member(role=equal)
        for role in (wider, builtin_role(SUPER_ADMIN), builtin_role("graded_admin")):
            for attempt in (
                lambda role=role: services.create_member(manager, userid="x", name="x", role=role),
                lambda role=role: services.update_member(manager, member=person, changes={"role": role}),
                lambda role=role: services.update_member(manager, member=manager.member, changes={"role": role}),
            ):
                with pytest.raises(Forbidden) as refused:
                    attempt()
                assert refused.value.code == "exceeds_own_rights"
        assert services.create_member(manager, userid="y", name="y", role=equal).role == equal


def test_a_narrower_scope_gives_no_wider_one(enterprise, scope):
    with scope():
        team = Department.objects.create(name="team")
        graded = factories.role("members.view", "members.manage", scope="departments")
        actor = factories.acting(enterprise, factories.member(role=graded, ranges=[team]))
        with pytest.raises(Forbidden) as refused:
            services.create_member(actor, userid="x", name="x", department=team, role=factories.role("members.view"))
        assert refused.value.code == "exceeds_own_rights"
        services.create_member(
            actor, userid="x", name="x", department=team, role=factories.role("members.view", scope="departments")
        )


def test_nobody_manages_a_member_above_them(enterprise, scope):
    with scope():
        manager = factories.acting(enterprise, factories.member(role=factories.role("members.view", "members.manage")))
        boss = factories.super_admin(enterprise).member
        factories.member(role=SUPER_ADMIN)
        for attempt in (
            lambda: services.update_member(manager, member=boss, changes={"name": "x"}),
            lambda: services.update_member(manager, member=boss, changes={"email": "x@example.com"}),
            lambda: services.disable_member(manager, member=boss),
            lambda: services.resign_member(manager, member=boss),
            lambda: tokens.create_token(manager, member=boss, name="x"),
        ):
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "exceeds_own_rights"
        assert not ApiToken.objects.exists()


def test_o4_a_graded_admin_manages_people_of_their_departments(enterprise, scope):
    with scope():
        south, north = Department.objects.create(name="s"), Department.objects.create(name="n")
        team = Department.objects.create(name="t", parent=south)
        graded = factories.role("members.view", "members.manage", *permissions.STAFF, scope="departments")
        actor = factories.acting(enterprise, factories.member(role=graded, ranges=[south]))
        mine = services.create_member(actor, userid="a", name="a", department=team)
        services.update_member(actor, member=mine, changes={"department": south})
        theirs, nowhere = factories.member(department=north), factories.member()
        for attempt in (
            lambda: services.create_member(actor, userid="b", name="b"),
            lambda: services.create_member(actor, userid="b", name="b", department=north),
            lambda: services.update_member(actor, member=mine, changes={"department": north}),
            lambda: services.update_member(actor, member=mine, changes={"department": None}),
            lambda: services.update_member(actor, member=theirs, changes={"name": "x"}),
            lambda: services.disable_member(actor, member=nowhere),
        ):
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "out_of_range"
        peer = factories.member(role=graded, department=south, ranges=[north])
        with pytest.raises(Forbidden):  # who has departments that one does not have is above one
            services.update_member(actor, member=peer, changes={"name": "x"})
        below = factories.member(role=graded, department=south, ranges=[team])
        with pytest.raises(Forbidden):
            services.update_member(actor, member=below, changes={"ranges": [team, north]})
        services.update_member(actor, member=below, changes={"ranges": [team, south]})
