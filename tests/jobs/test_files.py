"""Uploads and reports: where they stand, who gets them, how long they stay."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

import tests.jobs.handlers  # noqa: F401
from common import clock
from common.errors import Conflict, NotFound
from common.ids import uuid7
from common.tenancy import tenant
from contacts.models import BulkItem, ImportRefusal
from enterprises import idempotency
from enterprises.models import IdempotencyRecord
from enterprises.policy import Policy
from jobs import files, services
from jobs.models import JobRun, Notification
from jobs.runner import execute_run
from tests import factories

REPORT = "id,名称\r\n1,王小明\r\n".encode()


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }


@pytest.fixture
def firm(committed_db):
    return factories.enterprise()


def run_now(firm, name="tests.report", **params):
    with tenant(firm.pk):
        run = services.enqueue(factories.super_admin(firm), name=name, params=params)
    return execute_run(firm.pk, run.pk)


def clean_up(firm, later):
    with clock.at(clock.real() + later), tenant(firm.pk):
        run = JobRun.objects.create(name="jobs.clean_up", via="command")
    with clock.at(clock.real() + later):
        return execute_run(firm.pk, run.pk).result


def place(run):
    return Path(default_storage.path(f"jobs/{run.enterprise_id}/{run.pk}"))


def put(firm, run_id):
    """A file of a run, as somebody uploads it."""
    path = files.store(firm.pk, run_id, "input.csv", io.BytesIO(b"x"))
    return Path(default_storage.path(path))


def test_report_stands_under_enterprise_and_run_whatever_it_is_called(firm):
    run = run_now(firm)
    assert (run.state, run.report_name) == ("done", "报告.csv")
    assert Path(default_storage.path(run.report)).read_bytes() == REPORT
    evil = run_now(firm, filename="../../../etc/pass\r\nwd.csv")
    assert [file.name for file in place(evil).iterdir()] == [evil.report.rpartition("/")[2]]
    disposition = files.download(evil)["Content-Disposition"]
    assert "/" not in disposition and "\n" not in disposition


def test_report_is_written_again_when_a_run_is_repeated_and_downloads_as_a_file(firm):
    run = run_now(firm)
    response = files.download(run)
    assert b"".join(response.streaming_content) == REPORT
    assert response["Content-Type"] == "text/csv"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%E6%8A%A5")
    assert (response["X-Content-Type-Options"], response["Cache-Control"]) == ("nosniff", "private, no-store")


def test_a_report_that_is_gone_is_not_found(firm):
    run = run_now(firm)
    files.remove(firm.pk, run.pk)
    with pytest.raises(NotFound):
        files.download(run)
    with pytest.raises(NotFound):
        files.download(run_now(firm, "tests.count", upto=1))


def test_files_go_before_runs_and_runs_before_nothing_is_left(firm):
    run = run_now(firm)
    days = Policy()
    assert clean_up(firm, timedelta(days=days.job_file_days, minutes=-5))["files"] == 0
    assert place(run).exists()
    assert clean_up(firm, timedelta(days=days.job_file_days, minutes=5))["files"] == 1
    assert not place(run).exists()
    with tenant(firm.pk):
        kept = JobRun.objects.get(pk=run.pk)
        assert (kept.report, kept.report_name) == ("", "报告.csv")
    clean_up(firm, timedelta(days=days.job_days, minutes=5))
    with tenant(firm.pk):
        assert not JobRun.objects.filter(pk=run.pk).exists()


def test_open_runs_keep_their_files_and_undone_ones_go_with_their_undo(firm):
    with tenant(firm.pk):
        admin = factories.super_admin(firm)
        run_id = uuid7()
        path = put(firm, run_id)
        waiting = services.enqueue(admin, name="tests.count", params={"upto": 1}, run_id=run_id, input=str(path))
        done = services.enqueue(admin, name="tests.count", params={"upto": 1})
    execute_run(firm.pk, done.pk)
    with tenant(firm.pk):
        JobRun.objects.filter(pk=done.pk).update(undo_until=clock.now() + timedelta(days=1))
        undo = services.undo(admin, run=done)
    execute_run(firm.pk, undo.pk)
    assert clean_up(firm, timedelta(days=400))["runs"] == 2
    with tenant(firm.pk):
        assert set(JobRun.objects.exclude(name="jobs.clean_up").values_list("pk", flat=True)) == {waiting.pk}
    assert path.exists()


def test_orphans_go_after_a_day_and_other_enterprises_are_left_alone(firm):
    other = factories.enterprise("另一家")
    fresh = uuid7()
    old = type(fresh)(int=(fresh.int & ((1 << 80) - 1)) | ((fresh.int >> 80) - 2 * 86_400_000 << 80))
    paths = {run_id: put(firm, run_id) for run_id in (fresh, old)}
    theirs = put(other, old)
    assert clean_up(firm, timedelta())["orphans"] == 1
    assert paths[fresh].exists() and not paths[old].exists()
    assert theirs.exists()


def test_old_idempotency_keys_and_notifications_go(firm):
    with tenant(firm.pk):
        member = factories.super_admin(firm).member
        IdempotencyRecord.objects.create(member=member, key="k", fingerprint="f", status=201, body=b"")
        Notification.objects.create(member=member, kind="job.done", key="a")
    assert clean_up(firm, idempotency.KEPT_FOR - timedelta(minutes=5))["idempotency_keys"] == 0
    assert clean_up(firm, idempotency.KEPT_FOR + timedelta(minutes=5))["idempotency_keys"] == 1
    assert clean_up(firm, timedelta(days=200))["notifications"] == 1


def test_rows_of_other_rooms_go_with_their_run(firm):
    """Refused rows hold what stood in the file, so they go with it; the items of a bulk go with the run."""
    run = run_now(firm)
    with tenant(firm.pk):
        BulkItem.objects.create(job=run, contact_id=uuid7())
        ImportRefusal.objects.create(job=run, line=1, code="bad_date", cells=["王小明"])
    clean_up(firm, timedelta(days=Policy().job_file_days, minutes=5))
    with tenant(firm.pk):
        assert (BulkItem.objects.count(), ImportRefusal.objects.count()) == (1, 0)
    clean_up(firm, timedelta(days=400))
    with tenant(firm.pk):
        assert not BulkItem.objects.exists() and not JobRun.objects.filter(pk=run.pk).exists()


def test_a_run_whose_files_are_gone_is_not_tried_again(firm):
    run = run_now(firm, "tests.crash")
    late = clock.real() + timedelta(days=Policy().job_file_days, minutes=5)
    with tenant(firm.pk), clock.at(late), pytest.raises(Conflict) as refused:
        services.retry(factories.super_admin(firm), run=run)
    assert refused.value.code == "too_old"


def test_many_old_runs_go_in_chunks(firm, monkeypatch):
    from jobs import retention

    monkeypatch.setattr(retention, "CHUNK", 2)
    for _ in range(5):
        run_now(firm, "tests.count", upto=1)
    assert clean_up(firm, timedelta(days=200))["runs"] == 5
