"""REST of jobs and notifications (X1, X4, O5)."""

from datetime import timedelta

import pytest

import tests.jobs.handlers  # noqa: F401
from common import clock
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.actors import Actor
from jobs import services
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories

pytestmark = pytest.mark.django_db
JOBS = "/api/v1/jobs"


@pytest.fixture
def staff(enterprise):
    with tenant(enterprise.pk):
        return factories.member()


def queue(enterprise, name="tests.count", member=None, **params):
    with tenant(enterprise.pk):
        actor = Actor.of(enterprise, member, "api") if member else factories.super_admin(enterprise)
        return services.enqueue(actor, name=name, params=params or {"upto": 2})


def test_x4_a_job_from_queued_to_done(api, enterprise):
    run = queue(enterprise)
    waiting = api.get(f"{JOBS}/{run.pk}").json()
    assert (waiting["state"], waiting["done"], waiting["total"], waiting["result"]) == ("queued", 0, None, None)
    execute_run(enterprise.pk, run.pk)
    body = api.get(f"{JOBS}/{run.pk}").json()
    with tenant(enterprise.pk):
        ended = JobRun.objects.get(pk=run.pk)
    assert body == {
        "id": str(run.pk),
        "name": "tests.count",
        "label": "Count",
        "state": "done",
        "done": 2,
        "total": 2,
        "result": {"counted": 2},
        "error": None,
        "report_url": None,
        "created_at": body["created_at"],
        "started_at": body["started_at"],
        "finished_at": body["finished_at"],
        "member": str(ended.member_id),
        "undo_until": None,
        "undoes": None,
    }
    assert body["created_at"] <= body["started_at"] <= body["finished_at"]


def test_list_filters_and_pages(api, enterprise, staff):
    mine = [queue(enterprise) for _ in range(3)]
    theirs = queue(enterprise, "tests.report", staff)
    execute_run(enterprise.pk, mine[0].pk)

    def ids(query=""):
        return [row["id"] for row in api.get(f"{JOBS}{query}").json()["results"]]

    assert ids() == [str(run.pk) for run in (theirs, *reversed(mine))]
    assert ids("?mine=true") == [str(run.pk) for run in reversed(mine)]
    assert ids("?state=done") == [str(mine[0].pk)]
    assert ids("?name=tests.report") == [str(theirs.pk)]
    first = api.get(f"{JOBS}?page_size=3").json()
    assert [row["id"] for row in api.get(first["next"]).json()["results"]] == [str(mine[0].pk)]
    assert set(api.get(f"{JOBS}?state=lost").json()["errors"]) == {"state"}
    assert set(api.get(f"{JOBS}?mine=perhaps").json()["errors"]) == {"mine"}
    assert api.get(f"{JOBS}?color=red").json()["code"] == "unknown_filter"


def test_list_costs_the_same_for_one_and_many(api, enterprise, django_assert_max_num_queries):
    for _ in range(5):
        queue(enterprise)
    api.get(JOBS)  # writes when the token was last used
    with django_assert_max_num_queries(7):
        assert len(api.get(JOBS).json()["results"]) == 5


def test_o5_staff_see_their_own_and_nothing_else(enterprise, other_enterprise, staff):
    api = factories.api_client(enterprise, staff)
    own = queue(enterprise, member=staff)
    hidden = [queue(enterprise), queue(other_enterprise)]
    assert [row["id"] for row in api.get(JOBS).json()["results"]] == [str(own.pk)]
    missing = api.get(f"{JOBS}/{uuid7()}")
    for run in hidden:
        for answer in (
            api.get(f"{JOBS}/{run.pk}"),
            api.get(f"{JOBS}/{run.pk}/report"),
            *(api.post(f"{JOBS}/{run.pk}/{action}") for action in ("cancel", "undo", "retry")),
        ):
            assert (answer.status_code, answer.json()) == (404, missing.json())


def test_x4_cancel_and_undo_and_retry(api, enterprise):
    run = queue(enterprise)
    assert api.post(f"{JOBS}/{run.pk}/cancel").json()["state"] == "cancelled"
    again = api.post(f"{JOBS}/{run.pk}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "job_ended")

    done = queue(enterprise)
    execute_run(enterprise.pk, done.pk)
    assert api.post(f"{JOBS}/{done.pk}/undo").json()["code"] == "not_undoable"
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=done.pk).update(undo_until=clock.now() + timedelta(days=1))
    undone = api.post(f"{JOBS}/{done.pk}/undo")
    assert undone.status_code == 202 and set(undone.json()) == {"job"}
    assert api.get(f"{JOBS}/{undone.json()['job']}").json()["undoes"] == str(done.pk)
    assert api.post(f"{JOBS}/{done.pk}/undo").json()["code"] == "already_undone"

    failed = queue(enterprise, "tests.crash")
    execute_run(enterprise.pk, failed.pk)
    assert api.get(f"{JOBS}/{failed.pk}").json()["error"]["code"] == "internal_error"
    retried = api.post(f"{JOBS}/{failed.pk}/retry")
    assert (retried.status_code, retried.json()["state"]) == (202, "queued")
    assert api.post(f"{JOBS}/{done.pk}/retry").json()["code"] == "not_failed"


def test_report_is_a_download(api, enterprise):
    run = queue(enterprise, "tests.report", filename="客户.csv")
    assert api.get(f"{JOBS}/{run.pk}/report").status_code == 404
    execute_run(enterprise.pk, run.pk)
    url = api.get(f"{JOBS}/{run.pk}").json()["report_url"]
    assert url == f"http://testserver{JOBS}/{run.pk}/report"
    answer = api.get(url, headers={"Accept": "text/csv"})
    assert b"".join(answer.streaming_content).decode() == "id,名称\r\n1,王小明\r\n"
    assert answer["Content-Disposition"].startswith("attachment")


def test_notifications_are_ones_own_and_read_in_ones_language(api, enterprise, staff):
    run = queue(enterprise, "tests.crash")
    execute_run(enterprise.pk, run.pk)
    [row] = api.get("/api/v1/notifications?unread=true").json()["results"]
    assert (row["text"], row["kind"], row["read_at"]) == ("Failed: Crash", "job.failed", None)
    others = factories.api_client(enterprise, staff)
    assert others.get("/api/v1/notifications").json()["results"] == []
    assert others.post(f"/api/v1/notifications/{row['id']}/read").status_code == 404
    assert api.post(f"/api/v1/notifications/{row['id']}/read").json() == {"read": 1}
    assert api.post("/api/v1/notifications/read").json() == {"read": 0}
    assert api.get("/api/v1/notifications?unread=true").json()["results"] == []
    assert len(api.get("/api/v1/notifications").json()["results"]) == 1
