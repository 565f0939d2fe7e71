"""`python manage.py run_job`: a scheduled job at once, as if it were that moment."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

import tests.jobs.handlers  # noqa: F401
from common.tenancy import tenant
from enterprises.models import AuditEntry, Enterprise
from jobs import registry
from jobs.models import JobRun
from tests import factories

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("run_job", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_all_active_enterprises_a_line_each(enterprise, other_enterprise):
    asleep = factories.enterprise("停用")
    Enterprise.objects.filter(pk=asleep.pk).update(status="suspended")
    lines = run("tests.scheduled")
    assert {line["enterprise"] for line in lines} == {str(enterprise.pk), str(other_enterprise.pk)}
    assert {(line["job"], line["state"], line["error"]) for line in lines} == {("tests.scheduled", "done", None)}


@pytest.mark.parametrize("by", ["pk", "code"])
def test_one_enterprise_as_if_it_were_then(enterprise, other_enterprise, by):
    [line] = run("tests.scheduled", "--enterprise", str(getattr(enterprise, by)), "--now", "2011-12-10T00:00")
    assert (line["name"], line["result"]) == (enterprise.name, {"ran": True})
    with tenant(enterprise.pk):
        [entry] = AuditEntry.objects.filter(action="tests.counted")
        assert entry.at.isoformat() == "2011-12-09T16:00:00+00:00"
        assert JobRun.objects.get(name="tests.scheduled").via == "command"


def test_x6_again_and_again_without_a_window(enterprise):
    assert len(run("tests.scheduled", "--enterprise", enterprise.code) * 2) == 2
    run("tests.scheduled", "--enterprise", enterprise.code)
    with tenant(enterprise.pk):
        assert JobRun.objects.filter(name="tests.scheduled", state="done", key=None).count() == 2


def test_failure_is_an_exit_code_after_all_were_tried(enterprise, other_enterprise, monkeypatch):
    def fails(context):
        raise ZeroDivisionError

    broken = registry.Job("tests.scheduled", "Scheduled", fails, window=registry.daily)
    monkeypatch.setitem(registry.JOBS, "tests.scheduled", broken)
    out = StringIO()
    with pytest.raises(CommandError, match="At least one"):
        call_command("run_job", "tests.scheduled", stdout=out)
    assert len(out.getvalue().splitlines()) == 2 and "ZeroDivision" not in out.getvalue()


def test_a_suspended_enterprise_waits(enterprise):
    Enterprise.objects.filter(pk=enterprise.pk).update(status="suspended")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("run_job", "tests.scheduled", "--enterprise", enterprise.code, stdout=out)
    assert json.loads(out.getvalue())["state"] == "queued"


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["tests.count"], ["tests.scheduled", "--enterprise", "x"], ["tests.scheduled", "--now", "soon"]],
)
def test_what_it_does_not_understand(enterprise, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
