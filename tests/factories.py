"""Test data, made by the product's own services. Each function commits nothing by itself beyond its scope."""

import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from common.sql import rows
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.contacts import add_contact
from enterprises.actors import Actor
from enterprises.models import Department, Enterprise, Member, PolicyRecord, Role, User
from enterprises.policy import Policy
from enterprises.services import STAFF, SUPER_ADMIN, builtin_role, create_enterprise
from enterprises.tokens import create_token

PASSWORD = "correct horse battery"
NOON = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
_numbers = itertools.count(1)
_BLOCKED = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def user(email: str | None = None, **fields: Any) -> User:
    """A person who can log in with PASSWORD."""
    return User.objects.create_user(email or f"user{next(_numbers)}@example.com", PASSWORD, **fields)


def enterprise(name: str = "测试企业", *, verified: bool = True, **fields: Any) -> Enterprise:
    """An enterprise with a super admin."""
    return create_enterprise(name=name, admin=user(), verified=verified, **fields)


def super_admin(enterprise: Enterprise) -> Actor:
    """The first super admin of the enterprise as an actor; the scope must be open."""
    member = Member.objects.select_related("role", "user").filter(role__builtin=SUPER_ADMIN).order_by("id").first()
    assert member is not None
    return Actor.of(enterprise, member, "api")


def actor(enterprise: Enterprise, member: Member) -> Actor:
    """A member as an actor; the scope must be open."""
    return Actor.of(enterprise, Member.objects.select_related("role", "user").get(pk=member.pk), "api")


def member(
    name: str | None = None,
    *,
    role: Role | str = STAFF,
    department: Department | None = None,
    ranges: Sequence[Department] = (),
    **fields: Any,
) -> Member:
    """A member with a user; the scope must be open."""
    number = next(_numbers)
    person = fields.pop("user", None) or user()
    made = Member.objects.create(
        user=person,
        userid=f"staff{number}",
        name=name or f"员工{number}",
        email=person.email,
        role=builtin_role(role) if isinstance(role, str) else role,
        department=department,
        **fields,
    )
    for granted in ranges:
        made.ranges.create(department=granted)
    return made


def role(*codes: str, scope: str = "all") -> Role:
    """A role with these permissions; the scope must be open."""
    return Role.objects.create(name=f"角色{next(_numbers)}", scope=scope, permissions=list(codes))


def acting(enterprise: Enterprise, member: Member) -> Actor:
    """The member as an actor, with their role as it is now; the scope must be open."""
    return Actor.of(enterprise, Member.objects.select_related("role").get(pk=member.pk), "api")


def operator(enterprise: Enterprise) -> Actor:
    """An operator of the platform at work on this enterprise."""
    return Actor.operator(enterprise, "ops@example.com")


def contact(actor: Actor, **fields: Any) -> Contact:
    """A contact admitted by the service; the scope must be open."""
    number = next(_numbers)
    fields = {"external_userid": f"wm{number:010}", "name": f"客户{number}", **fields}
    return add_contact(actor, **fields)[0]


def api_client(enterprise: Enterprise, member: Member | None = None, **defaults: Any) -> Client:
    """A client that calls the API with a token of the member (the first super admin when left out)."""
    with tenant(enterprise.pk):
        if member is None:
            actor = super_admin(enterprise)
            member = actor.member
        assert member is not None
        loaded = Member.objects.select_related("role").get(pk=member.pk)
        _token, secret = create_token(Actor.of(enterprise, loaded, "api"), member=loaded, name="tests")
    return Client(headers={"Authorization": f"Bearer {secret}", "Accept-Language": "en"}, **defaults)


def reset_policy(overrides: dict[str, Any]) -> None:
    """The policy differs from the default by these values only; the scope must be open."""
    PolicyRecord.objects.update(overrides=Policy.from_overrides(overrides).overrides())


def blocked() -> int:
    """How many sessions of this database wait for a lock."""
    rows("SELECT pg_stat_clear_snapshot()")
    return rows(_BLOCKED)[0][0]


def wait_for_blocked(count: int = 1, patience: int = 60) -> None:
    """Return once `count` sessions of this database wait for a lock; only a broken test waits `patience` seconds."""
    deadline = time.monotonic() + patience
    while blocked() < count:
        assert time.monotonic() < deadline, "nobody waits for a lock"
        rows("SELECT pg_sleep(0.01)")
