"""Jobs of the tests. What they do shows in the audit trail, which keeps every repetition."""

from typing import Any

from django.conf import settings
from redis import Redis

from common.errors import Conflict
from enterprises import audit
from jobs import registry
from jobs.registry import daily, job
from jobs.runner import JobContext

GATE_SECONDS = 60


def stand_at(gate: str) -> None:
    """Say that we are here and wait until the test opens."""
    with Redis.from_url(settings.REDIS_URL, socket_timeout=GATE_SECONDS + 5) as broker:
        broker.rpush(f"reached:{gate}", "here")
        broker.blpop([f"open:{gate}"], timeout=GATE_SECONDS)


if "tests.count" not in registry.JOBS:

    @job("tests.count", label="Count", undo="tests.uncount", permission="contacts.archive")
    def count(context: JobContext) -> dict[str, Any]:
        """An audit entry per number; gates inside and between steps where the parameters say so."""
        while context.done < context.params["upto"]:
            number = context.done
            with context.step():
                audit.record(context.actor, "tests.counted", subject_type="test", subject_label=str(number))
                if number == context.params.get("gate_inside"):
                    stand_at(context.params["gate"])
                context.done += 1
                context.total = context.params["upto"]
                context.cursor["last"] = number
            if number == context.params.get("gate_after"):
                stand_at(context.params["gate"])
        return {"counted": context.done}

    @job("tests.uncount", label="Uncount")
    def uncount(context: JobContext) -> dict[str, Any]:
        with context.step():
            audit.record(context.actor, "tests.uncounted", subject_type="test", subject_label=str(context.undoes_id))
        return {}

    @job("tests.refuse", label="Refuse")
    def refuse(context: JobContext) -> dict[str, Any]:
        with context.step():
            context.done += 1
            context.updates = {"undo_until": context.params.get("never")}
            audit.record(context.actor, "tests.counted", subject_type="test", subject_label="refused")
            from django.utils.translation import gettext_lazy as _

            raise Conflict(_("This job has ended already."), code="tests_refused", lazy=_("Failed"), wanted=3)

    @job("tests.crash", label="Crash")
    def crash(context: JobContext) -> dict[str, Any]:
        with context.step():
            context.done += 1
        raise ZeroDivisionError("secret detail")

    @job("tests.die", label="Die")
    def die(context: JobContext) -> dict[str, Any]:
        """Poison: whoever touches it is killed by the system."""
        import os
        import signal

        with context.step():
            os.kill(os.getpid(), signal.SIGKILL)
        return {}

    @job("tests.scheduled", label="Scheduled", window=daily)
    def scheduled(context: JobContext) -> dict[str, Any]:
        with context.step():
            audit.record(context.actor, "tests.counted", subject_type="test", subject_label="scheduled")
        return {"ran": True}

    @job("tests.report", label="Report")
    def report(context: JobContext) -> dict[str, Any]:
        with context.report(context.params.get("filename", "报告.csv")) as file:
            file.write("id,名称\r\n1,王小明\r\n".encode())
        return {"lines": 1}
