"""Fixtures of the tests of contacts."""

from types import SimpleNamespace

import pytest
from django.test import Client

from common import clock
from common.tenancy import tenant
from enterprises.models import Department, Role
from enterprises.services import GRADED_ADMIN
from quota.services import refresh_account
from tests import factories


@pytest.fixture
def inside(enterprise):
    """The super admin as an actor, in the enterprise's scope, at noon."""
    with tenant(enterprise.pk), clock.at(factories.NOON):
        yield factories.super_admin(enterprise)


@pytest.fixture
def browser(enterprise):
    """The super admin's, in English."""
    opened = Client()
    with tenant(enterprise.pk):
        opened.force_login(factories.super_admin(enterprise).member.user)
    opened.cookies["language"] = "en"
    return opened


@pytest.fixture
def team(inside, enterprise):
    """Two regions with people: south > shenzhen, and north; actors of each kind."""
    south = Department.objects.create(name="华南")
    shenzhen = Department.objects.create(name="深圳", parent=south)
    north = Department.objects.create(name="华北")
    people = {
        "anna": factories.member("Anna", department=shenzhen),
        "bob": factories.member("Bob", department=north),
        "carl": factories.member("Carl", department=shenzhen),
        "graded": factories.member("Gu", role=GRADED_ADMIN, department=north, ranges=[south]),
    }
    actors = {name: factories.actor(enterprise, member) for name, member in people.items()}
    return SimpleNamespace(
        south=south, shenzhen=shenzhen, north=north, admin=inside, **{n: a.member for n, a in actors.items()},
        actors=SimpleNamespace(**actors),
    )  # fmt: skip


@pytest.fixture
def full(inside, enterprise):
    """Call it to make the scale end after `places`."""

    def shrink(places: int) -> None:
        factories.reset_policy({"free_unverified": places, "free_verified": places})
        refresh_account(enterprise)

    return shrink


def grant(actor, *codes):
    """The same actor with a role of the same scope that gives more."""
    role = Role.objects.create(
        name="more", scope=actor.member.role.scope, permissions=[*actor.member.role.permissions, *codes]
    )
    actor.member.role = role
    actor.member.save(update_fields=["role"])
    return actor
