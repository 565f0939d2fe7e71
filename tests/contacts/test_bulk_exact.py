"""Q10, Q14, C5, X4, X6: bulk work in real parallel transactions never serves one contact too many, nor one too few."""

import threading
from functools import partial

import pytest
from django.db.models import F

from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import BulkItem, Contact, Interaction, Tag, TagGroup
from contacts.services import bulk
from contacts.services.bulk import places, work
from contacts.services.contacts import restore_contact
from enterprises.actors import Actor
from enterprises.models import Enterprise
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.models import Account, LedgerEntry
from tests import crowd, factories
from tests.contacts.bulk import consistent, undo
from tests.parallel import WAIT, in_parallel

pytestmark = pytest.mark.usefixtures("committed_db")
CAPACITY = 2000


@pytest.fixture
def enterprise(committed_db: None) -> Enterprise:
    return factories.enterprise(verified=True)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(work, "STEP", 8)


def fill(enterprise: Enterprise, *, free: int, archived: int) -> list:
    """An enterprise with some places left, and archived contacts that want them."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        crowd.contacts(admin, CAPACITY - free)
        return crowd.contacts(admin, archived, prefix="ar", status="archived")


def asked(enterprise: Enterprise, action: str, ids: list, **params: str) -> JobRun:
    with tenant(enterprise.pk):
        return bulk.start(factories.super_admin(enterprise), action=action, ids=ids, params=params)


def together(enterprise: Enterprise, runs: list[JobRun]) -> list[JobRun | None]:
    """Do all runs at the same moment."""
    return in_parallel([partial(execute_run, enterprise.pk, run.pk) for run in runs])


def test_q10_64_single_restores_at_once_take_exactly_the_10_places(enterprise):
    archived = fill(enterprise, free=10, archived=64)

    def restore(pk) -> str:
        try:
            with tenant(enterprise.pk):
                actor = factories.super_admin(enterprise)
                restore_contact(actor, contact=Contact.objects.get(pk=pk))
        except Refusal as refusal:
            return refusal.code
        return "restored"

    outcomes = in_parallel([partial(restore, pk) for pk in archived])
    assert (outcomes.count("restored"), outcomes.count("quota_exceeded")) == (10, 54)
    assert consistent(enterprise) == CAPACITY


def test_q10_partial_restores_at_once_take_exactly_the_places(enterprise):
    archived = fill(enterprise, free=50, archived=120)
    runs = [asked(enterprise, "restore", archived[n : n + 20], on_full="partial") for n in range(0, 120, 20)]
    ended = together(enterprise, runs)
    assert {run.state for run in ended} == {"done"}
    assert sum(run.result["taken"] for run in ended) == 50
    assert sum(run.result["refused"] for run in ended) == 70
    assert consistent(enterprise) == CAPACITY


def test_q10_all_or_nothing_restores_at_once(enterprise):
    archived = fill(enterprise, free=50, archived=160)
    runs = [asked(enterprise, "restore", archived[n : n + 20]) for n in range(0, 160, 20)]
    ended = together(enterprise, runs)
    assert sorted(run.state for run in ended) == ["done"] * 2 + ["failed"] * 6
    assert {run.error["code"] for run in ended if run.error} == {"quota_exceeded"}
    assert consistent(enterprise) == CAPACITY - 10
    with tenant(enterprise.pk):
        for run in ended:
            restored = Interaction.objects.filter(kind="restored", data__job=str(run.pk)).count()
            assert restored == (20 if run.state == "done" else 0), "nothing half done"


def test_q10_negative_control_a_limit_read_before_the_lock_overshoots(enterprise, monkeypatch):
    """Without the conditional update the same work passes capacity: the tests above can fail."""
    archived = fill(enterprise, free=50, archived=160)
    everybody_read = threading.Barrier(8)

    def read_then_write(_actor: Actor, wanted: int, **_how: object) -> None:
        account = Account.objects.get()
        everybody_read.wait(WAIT)
        assert account.served + wanted <= account.capacity
        Account.objects.update(served=F("served") + wanted, ledger_number=F("ledger_number") + wanted)

    monkeypatch.setattr(places.quota, "reserve", read_then_write)
    runs = [asked(enterprise, "restore", archived[n : n + 20]) for n in range(0, 160, 20)]
    ended = together(enterprise, runs)
    assert {run.state for run in ended} == {"done"}
    with tenant(enterprise.pk):
        assert Contact.objects.filter(status="active").count() == CAPACITY + 110


def test_x6_the_same_contacts_in_several_jobs_at_once_are_restored_once(enterprise):
    archived = fill(enterprise, free=100, archived=40)
    runs = [asked(enterprise, "restore", archived, on_full=mode) for mode in ("partial", "partial", "refuse", "refuse")]
    ended = together(enterprise, runs)
    assert sum(run.result["done"] for run in ended) == 40
    assert consistent(enterprise) == CAPACITY - 60
    with tenant(enterprise.pk):
        assert LedgerEntry.objects.filter(reason="restored").count() == 40
        assert set(Contact.objects.filter(pk__in=archived).values_list("version", flat=True)) == {2}


def test_q14_archiving_and_restoring_across_each_other_stays_true(enterprise):
    archived = fill(enterprise, free=30, archived=60)
    with tenant(enterprise.pk):
        active = list(Contact.objects.filter(status="active").order_by("pk").values_list("pk", flat=True)[:60])
    mixed = active[::2] + archived[::2]
    runs = [
        asked(enterprise, "archive", mixed),
        asked(enterprise, "restore", mixed[::-1], on_full="partial"),
        asked(enterprise, "archive", active + archived),
        asked(enterprise, "restore", archived + active, on_full="partial"),
        asked(enterprise, "tag", mixed, tags=make_tag(enterprise)),
    ]
    assert {run.state for run in together(enterprise, runs)} == {"done"}
    assert consistent(enterprise) <= CAPACITY


def make_tag(enterprise: Enterprise) -> list[str]:
    with tenant(enterprise.pk):
        return [str(Tag.objects.create(group=TagGroup.objects.create(name="g"), name="t").pk)]


def test_x6_two_workers_with_one_job_do_it_once(enterprise):
    archived = fill(enterprise, free=100, archived=30)
    run = asked(enterprise, "restore", archived, on_full="partial")
    ended = [found for found in together(enterprise, [run] * 4) if found is not None]
    assert len(ended) == 1 and ended[0].result["done"] == 30
    assert consistent(enterprise) == CAPACITY - 70
    with tenant(enterprise.pk):
        assert BulkItem.objects.count() == 30


def test_x4_cancelled_half_way_keeps_what_is_done_and_can_be_undone(enterprise, monkeypatch):
    fill(enterprise, free=0, archived=0)
    with tenant(enterprise.pk):
        chosen = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:40])
    run = asked(enterprise, "archive", chosen)
    step, steps = work._step, []

    def cancel_after_two(context, action) -> None:
        step(context, action)
        steps.append(1)
        if len(steps) == 2:
            in_parallel([cancel])

    def cancel() -> None:
        with tenant(enterprise.pk):
            jobs.cancel(factories.super_admin(enterprise), run=JobRun.objects.get(pk=run.pk))

    monkeypatch.setattr(work, "_step", cancel_after_two)
    ended = execute_run(enterprise.pk, run.pk)
    monkeypatch.setattr(work, "_step", step)
    assert (ended.state, ended.done, ended.total) == ("cancelled", 16, 40)
    assert (ended.result["done"], ended.result["freed"]) == (16, 16)
    assert consistent(enterprise) == CAPACITY - 16
    undone = undo(enterprise, ended)
    assert undone.result["taken"] == 16
    assert consistent(enterprise) == CAPACITY
