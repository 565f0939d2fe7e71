"""O4: graded admins: overlapping ranges, moves that change what they see at once, and nobody beyond or beside them."""

from types import SimpleNamespace

import pytest
from django.db import transaction

from common.errors import Forbidden
from common.tenancy import tenant
from contacts.models import Contact
from enterprises import authority, permissions
from enterprises.models import Department, Member, Role
from enterprises.services import departments, members
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(enterprise):
    """East > shanghai > pudong, and west; a seller in each, each with a contact; admins with overlapping ranges."""
    with tenant(enterprise.pk):
        east = Department.objects.create(name="华东")
        shanghai = Department.objects.create(name="上海", parent=east)
        pudong = Department.objects.create(name="浦东", parent=shanghai)
        west = Department.objects.create(name="西部")
        role = Role.objects.create(
            name="区域管理员",
            scope=Role.Scope.DEPARTMENTS,
            permissions=[*permissions.STAFF, "members.manage"],
        )
        sellers = {}
        for department in (east, shanghai, pudong, west):
            seller = factories.member(f"销售{department.name}", department=department)
            factories.contact(factories.actor(enterprise, seller), external_userid=department.name)
            sellers[department.name] = seller

        def graded(name, *ranges):
            return factories.member(name, role=role, department=ranges[0], ranges=ranges)

        yield SimpleNamespace(
            east=east, shanghai=shanghai, pudong=pudong, west=west, sellers=sellers, role=role,
            admin=factories.super_admin(enterprise), graded=graded, actor=lambda one: factories.actor(enterprise, one),
        )  # fmt: skip


def sees(tree, member):
    return set(Contact.objects.visible_to(tree.actor(member)).values_list("external_userid", flat=True))


def test_o4_ranges_may_overlap_and_include_what_is_below(tree):
    wide, narrow, both = (
        tree.graded("A", tree.east), tree.graded("B", tree.shanghai), tree.graded("C", tree.pudong, tree.west),
    )  # fmt: skip
    assert sees(tree, wide) == {"华东", "上海", "浦东"}
    assert sees(tree, narrow) == {"上海", "浦东"}
    assert sees(tree, both) == {"浦东", "西部"}


def test_o4_moving_a_department_changes_what_its_admins_see_at_once(tree):
    wide, western = tree.graded("A", tree.east), tree.graded("W", tree.west)
    departments.update_department(tree.admin, department=tree.shanghai, changes={"parent": tree.west})
    assert sees(tree, wide) == {"华东"}
    assert sees(tree, western) == {"西部", "上海", "浦东"}


def test_o4_moving_a_member_takes_their_contacts_along(tree):
    narrow, western = tree.graded("B", tree.shanghai), tree.graded("W", tree.west)
    members.update_member(tree.admin, member=tree.sellers["浦东"], changes={"department": tree.west})
    assert sees(tree, narrow) == {"上海"} and sees(tree, western) == {"西部", "浦东"}


def test_o4_new_and_withdrawn_ranges_count_at_once(tree):
    one = tree.graded("A", tree.pudong)
    members.update_member(tree.admin, member=one, changes={"ranges": [tree.west]})
    assert sees(tree, one) == {"西部"}
    members.update_member(tree.admin, member=one, changes={"ranges": []})
    assert sees(tree, one) == set()


def refused(code, work):
    """Refused; and rolled back, as every caller does."""
    with pytest.raises(Forbidden) as caught, transaction.atomic():
        work()
    assert caught.value.code == code


def test_o4_nobody_touches_a_peer_or_a_superior(tree):
    wide, narrow, peer = tree.graded("A", tree.east), tree.graded("B", tree.shanghai), tree.graded("P", tree.east)
    actor = tree.actor(wide)
    assert authority.may_manage(actor, Member.objects.get(pk=narrow.pk))
    members.update_member(actor, member=narrow, changes={"name": "乙"})
    refused("peer", lambda: members.update_member(actor, member=peer, changes={"name": "丙"}))
    refused("peer", lambda: members.disable_member(actor, member=peer))
    refused("out_of_range", lambda: members.update_member(tree.actor(narrow), member=wide, changes={"name": "丁"}))
    Member.objects.filter(pk=tree.admin.member_id).update(department=tree.east)
    boss = Member.objects.get(pk=tree.admin.member_id)
    refused("exceeds_own_rights", lambda: members.resign_member(actor, member=boss))
    assert set(Member.objects.filter(pk__in=[peer.pk, wide.pk]).values_list("name", "status")) == {
        ("P", "active"), ("A", "active"),
    }  # fmt: skip


def test_o4_what_is_given_is_never_more_than_one_has(tree):
    wide = tree.graded("A", tree.shanghai)
    actor = tree.actor(wide)
    seller = tree.sellers["浦东"]
    stronger = Role.objects.create(
        name="更强", scope=Role.Scope.DEPARTMENTS, permissions=["contacts.view", "contacts.delete"]
    )
    everything = Role.objects.create(name="全部", scope=Role.Scope.ALL, permissions=["contacts.view"])
    for role in (stronger, everything):
        refused(
            "exceeds_own_rights", lambda role=role: members.update_member(actor, member=seller, changes={"role": role})
        )
    refused(
        "exceeds_own_rights",
        lambda: members.update_member(actor, member=seller, changes={"role": tree.role, "ranges": [tree.east]}),
    )
    refused("out_of_range", lambda: members.update_member(actor, member=seller, changes={"department": tree.west}))
    refused(
        "out_of_range", lambda: departments.update_department(actor, department=tree.shanghai, changes={"parent": None})
    )
    members.update_member(actor, member=seller, changes={"role": tree.role, "ranges": [tree.pudong]})
    assert sees(tree, seller) == {"浦东"}
