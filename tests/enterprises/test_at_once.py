"""What must hold when two admins act at the same moment; each guard with a control that goes without it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connections

from common.errors import Conflict, Invalid
from common.tenancy import tenant
from enterprises.actors import Actor
from enterprises.models import Department, Enterprise, Member
from enterprises.services import SUPER_ADMIN, builtin_role, departments, members
from tests import factories
from tests.parallel import WAIT, in_parallel, meet

pytestmark = pytest.mark.usefixtures("committed_db")


def _two_departments() -> tuple[UUID, UUID, UUID]:
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        a = departments.create_department(actor, name="a")
        b = departments.create_department(actor, name="b")
    return enterprise.pk, a.pk, b.pk


def _move(enterprise_id: UUID, moved: UUID, below: UUID) -> str:
    with tenant(enterprise_id):
        actor = factories.super_admin(Enterprise.objects.get(pk=enterprise_id))
        department, parent = Department.objects.get(pk=moved), Department.objects.get(pk=below)
        meet()
        try:
            departments.update_department(actor, department=department, changes={"parent": parent})
        except Invalid as refused:
            return refused.code
    return "moved"


def test_two_moves_at_once_close_no_circle():
    """Each below the other: one is moved, the other one waits, looks again and is refused."""
    enterprise, a, b = _two_departments()
    outcome = in_parallel([lambda: _move(enterprise, a, b), lambda: _move(enterprise, b, a)])
    assert sorted(outcome) == ["department_circle", "moved"]


def test_without_the_lock_two_moves_close_a_circle(monkeypatch):
    """The negative control: the guard is what the test above proves.

    Both have checked before either writes; then one writes after the other, so that no deadlock hides the circle.
    """
    enterprise, a, b = _two_departments()
    turn, first_is_done = threading.local(), threading.Event()
    check = departments._check_move

    def check_then_wait(*args):
        check(*args)
        meet()
        if turn.second:
            assert first_is_done.wait(WAIT)

    def move(moved, below, *, second):
        turn.second = second
        try:
            return _move(enterprise, moved, below)
        finally:
            if not second:
                first_is_done.set()

    monkeypatch.setattr(departments, "_lock_tree", lambda: None)
    monkeypatch.setattr(departments, "_check_move", check_then_wait)
    outcome = in_parallel([lambda: move(a, b, second=False), lambda: move(b, a, second=True)])
    assert outcome == ["moved", "moved"]


@pytest.mark.parametrize("locked", [True, False])
def test_a_department_made_below_one_that_moves_down_keeps_to_the_depth(locked, monkeypatch):
    """Of a move and an addition below it the second looks again; without the lock the tree would be too deep."""
    monkeypatch.setattr(departments, "MAX_DEPTH", 2)
    enterprise, a, b = _two_departments()
    if not locked:
        monkeypatch.setattr(departments, "_lock_tree", lambda: None)

    def below(parent):
        with tenant(enterprise):
            actor = factories.super_admin(Enterprise.objects.get(pk=enterprise))
            try:
                departments.create_department(actor, name="c", parent=Department.objects.get(pk=parent))
            except Invalid as refused:
                return list(refused.errors)
        return "made"

    def elsewhere():
        try:
            return below(a)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise):
            actor = factories.super_admin(Enterprise.objects.get(pk=enterprise))
            moved, parent = Department.objects.get(pk=a), Department.objects.get(pk=b)
            departments.update_department(actor, department=moved, changes={"parent": parent})
            second = pool.submit(elsewhere)
            factories.wait_for_blocked()  # without the lock by its insert, when it has looked already
        assert second.result() == (["parent"] if locked else "made")
    with tenant(enterprise):
        assert Department.objects.filter(name="c").exists() is not locked


def _two_super_admins() -> tuple[UUID, UUID, UUID]:
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        first = factories.super_admin(enterprise).member
        assert first is not None
        return enterprise.pk, first.pk, factories.member(role=SUPER_ADMIN).pk


def _take_away(service, enterprise_id: UUID, acting_id: UUID, target_id: UUID) -> str:
    with tenant(enterprise_id):
        actor = factories.acting(Enterprise.objects.get(pk=enterprise_id), Member.objects.get(pk=acting_id))
        target = Member.objects.get(pk=target_id)
        meet()
        try:
            service(actor, target)
        except Conflict as refused:
            return refused.code
    return "done"


def _demote(actor: Actor, target: Member) -> None:
    members.update_member(actor, member=target, changes={"role": builtin_role("staff")})


TAKING = {
    "disable": lambda actor, target: members.disable_member(actor, member=target),
    "resign": lambda actor, target: members.resign_member(actor, member=target),
    "demote": _demote,
}


@pytest.mark.parametrize("one", sorted(TAKING))
def test_two_super_admins_cannot_remove_each_other_at_once(one):
    enterprise, a, b = _two_super_admins()
    outcome = in_parallel(
        [lambda: _take_away(TAKING[one], enterprise, a, b), lambda: _take_away(TAKING["demote"], enterprise, b, a)]
    )
    assert sorted(outcome) == ["done", "last_super_admin"]


def test_without_the_lock_they_would(monkeypatch):
    """The negative control."""
    monkeypatch.setattr(members, "lock_super_admins", lambda: None)
    keep = members._keep_a_super_admin

    def keep_then_meet(member):
        keep(member)
        meet()

    monkeypatch.setattr(members, "_keep_a_super_admin", keep_then_meet)
    enterprise, a, b = _two_super_admins()
    outcome = in_parallel(
        [lambda: _take_away(TAKING["disable"], enterprise, a, b), lambda: _take_away(_demote, enterprise, b, a)]
    )
    assert outcome == ["done", "done"]
