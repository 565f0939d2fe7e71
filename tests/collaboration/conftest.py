"""Fixtures of the tests of collaboration."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from common import clock
from common.tenancy import tenant
from enterprises.models import Department, Member
from enterprises.services import GRADED_ADMIN
from jobs.runner import execute_run
from tests import factories


@pytest.fixture
def firm(enterprise):
    """Two regions, south > shenzhen and north; Lea leaves, Ann and Bob take over; a graded admin for the south."""
    with tenant(enterprise.pk), clock.at(factories.NOON):
        south = Department.objects.create(name="华南")
        shenzhen = Department.objects.create(name="深圳", parent=south)
        north = Department.objects.create(name="华北")
        people = {
            "lea": factories.member("Lea", department=shenzhen),
            "ann": factories.member("Ann", department=shenzhen),
            "bob": factories.member("Bob", department=south),
            "nora": factories.member("Nora", department=north),
            "graded": factories.member("Gu", role=GRADED_ADMIN, department=south, ranges=[south]),
        }
    return SimpleNamespace(enterprise=enterprise, south=south, shenzhen=shenzhen, north=north, **people)


@pytest.fixture
def scene(firm):
    """`with scene() as admin:` the super admin acts in the enterprise at noon; `who` is somebody else, `at` later."""

    @contextmanager
    def play(who: Member | None = None, at=factories.NOON):
        with tenant(firm.enterprise.pk), clock.at(at):
            yield factories.acting(firm.enterprise, who) if who else factories.super_admin(firm.enterprise)

    return play


@pytest.fixture
def work(firm):
    """Do every queued run now: `work()`, or at a moment."""

    def do(at=factories.NOON):
        from jobs.models import JobRun

        with tenant(firm.enterprise.pk):
            queued = list(JobRun.objects.filter(state="queued").order_by("id").values_list("pk", flat=True))
        with clock.at(at):
            return [execute_run(firm.enterprise.pk, run) for run in queued]

    return do
