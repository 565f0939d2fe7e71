"""Doing the work: claim a run, go through its steps, end it (X4, X6).

A handler works in steps; each is one transaction in the enterprise's scope that ends by writing `done` and
`cursor` to the run, on the condition that this worker still holds it. So work and progress are committed
together, a killed run goes on exactly where it stopped, and two workers can never both commit a step.

How a run ends: the handler returned → done; a service refused → failed, with the refusal's code and text;
somebody asked → cancelled; something unexpected → failed, with an id for the log and nothing else. What the
database could not do just now (it restarts, a deadlock) is no failure: the run is handed back and tried again,
until it made no progress so many times that it is given up.
"""

import copy
import logging
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import PurePath
from typing import IO, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import translation
from django.utils.encoding import force_str
from django.utils.translation import gettext as _

from common import clock
from common.errors import Refusal
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.actors import Actor
from enterprises.models import Enterprise
from jobs import files, lease, notifications, registry
from jobs.models import JobRun

log = logging.getLogger(__name__)

# A run that was claimed so often without any progress is given up: it probably kills its worker.
MAX_ATTEMPTS = 5
# A step that PostgreSQL gave up on in favour of another transaction (deadlock, serialization) is done again at once.
AGAIN = {"40P01", "40001"}
AGAIN_ATTEMPTS = 5
SHOW_EVERY = timedelta(seconds=1)


class Cancelled(Exception):
    """Somebody asked the run to stop."""


class ClaimLost(Exception):
    """Another worker took the run over; whatever this one was doing is rolled back."""


class JobContext:
    """What a handler works with: the run's parameters, its cursor, and steps.

    A handler may be called again at any time and goes on from `cursor`; what it keeps in memory is lost. `result`,
    when the handler keeps it up to date, is what the run shows if it is cancelled or fails half-way.
    """

    def __init__(self, run: JobRun, enterprise: Enterprise, actor: Actor) -> None:
        assert run.claim is not None
        self.run_id: UUID = run.pk
        self.name = run.name
        self.enterprise = enterprise
        self.actor = actor
        self.params: dict[str, Any] = run.params
        self.cursor: dict[str, Any] = run.cursor
        self.input = run.input
        self.undoes_id = run.undoes_id
        self.done: int = run.done
        self.total: int | None = run.total
        self.updates: dict[str, Any] = {}
        self.result: dict[str, Any] | None = None
        self.claim: UUID = run.claim
        self._committed = copy.deepcopy(self._state())
        self._shown = clock.real()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction of the work. Raises Cancelled at its start when somebody asked for it.

        When it fails, `done`, `total`, `cursor` and `updates` are again what they were before.
        """
        before = copy.deepcopy(self._state())
        try:
            with tenant(self.enterprise.pk):
                lease.enter_step(self.run_id)
                held = JobRun.objects.filter(pk=self.run_id, claim=self.claim).values_list("cancel_requested").first()
                if held is None:
                    raise ClaimLost
                if held[0]:
                    raise Cancelled
                yield
                self._save()
        except BaseException:
            self.done, self.total, self.cursor, self.updates = before
            raise
        self.updates = {}
        self._committed = copy.deepcopy(self._state())

    @contextmanager
    def report(self, name: str) -> Iterator[IO[bytes]]:
        """A file that people fetch from the run under this name, such as the refused rows.

        It is stored when the block ends well, and named on the run's row by the step around it, the next one, or the
        end. A run done again makes it again.
        """
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            kept = files.store(self.enterprise.pk, self.run_id, f"report-{self.claim}{PurePath(name).suffix}", file)
        self.updates |= {"report": kept, "report_name": name}

    def progress(self, done: int) -> None:
        """Show progress from inside a long step, by a connection of its own; raises Cancelled when asked to stop.

        Written at most once a second. The step's own transaction has not touched the run's row yet, so this
        does not wait for it.
        """
        self.done = done
        moment = clock.real()
        if moment - self._shown < SHOW_EVERY:
            return
        self._shown = moment
        with ThreadPoolExecutor(max_workers=1) as thread:
            if thread.submit(self._show, done).result():
                raise Cancelled

    def _show(self, done: int) -> bool:
        try:
            with tenant(self.enterprise.pk):
                mine = JobRun.objects.filter(pk=self.run_id, claim=self.claim)
                mine.update(done=done, total=self.total)
                return mine.filter(cancel_requested=True).exists()
        finally:
            connection.close()

    def _state(self) -> tuple[int, int | None, dict[str, Any], dict[str, Any]]:
        return self.done, self.total, self.cursor, self.updates

    def _save(self) -> None:
        changes: dict[str, Any] = {"done": self.done, "total": self.total, "cursor": self.cursor, **self.updates}
        if (self.done, self.cursor) != (self._committed[0], self._committed[2]):
            changes["attempts"] = 0
        held = JobRun.objects.filter(pk=self.run_id, claim=self.claim)
        if not held.update(heartbeat_at=clock.real(), **changes):
            raise ClaimLost


def execute_run(enterprise_id: UUID, run_id: UUID) -> JobRun | None:
    """Claim a run and do it. Returns the run as it ended, or None when somebody else has it or it waits on."""
    claimed = _claim(enterprise_id, run_id)
    if claimed is None:
        return None
    run, enterprise, actor = claimed
    context = JobContext(run, enterprise, actor)
    with (
        structlog.contextvars.bound_contextvars(job=run.name, request_id=str(run.pk)),
        translation.override(_language(actor)),
        lease.kept(enterprise_id, run_id, context.claim),
    ):
        try:
            if run.attempts > MAX_ATTEMPTS:
                return _end(context, JobRun.State.FAILED, error=_gave_up())
            return _work(context)
        except ClaimLost:
            log.warning("Another worker took over %s", run.pk)
        except (OperationalError, InterfaceError):
            log.warning("Job %s was interrupted", run.name, exc_info=True)
            _hand_back(context)
    return None


def _work(context: JobContext) -> JobRun | None:
    try:
        result = _handle(context)
        return _end(context, JobRun.State.DONE, result=result or context.result or {})
    except (ClaimLost, OperationalError, InterfaceError):
        raise
    except Cancelled:
        return _end(context, JobRun.State.CANCELLED, result=context.result)
    except Refusal as refusal:
        error = {**_jsonable(refusal.extra), "code": refusal.code, "detail": force_str(refusal.detail)}
        return _end(context, JobRun.State.FAILED, result=context.result, error=error)
    except Exception:
        log.exception("Job %s failed", context.name)
        return _end(context, JobRun.State.FAILED, result=context.result, error=_unexpected(context.run_id))


def _handle(context: JobContext) -> dict[str, Any]:
    """Call the handler, and again from its last committed step when a step lost against another transaction."""
    attempt = 0
    while True:
        try:
            return registry.get(context.name).handler(context)
        except OperationalError as error:
            attempt += 1
            if getattr(error.__cause__, "sqlstate", None) not in AGAIN or attempt == AGAIN_ATTEMPTS:
                raise
            log.warning("A step of %s is done again: %s", context.run_id, error)


def _claim(enterprise_id: UUID, run_id: UUID) -> tuple[JobRun, Enterprise, Actor] | None:
    """Take a queued run. Those of a suspended enterprise wait; a run left by a dead worker is queued by the sweeper."""
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        if enterprise is None:
            return None
        taken = JobRun.objects.filter(pk=run_id, state=JobRun.State.QUEUED).update(
            state=JobRun.State.RUNNING,
            claim=uuid7(),
            heartbeat_at=clock.real(),
            attempts=F("attempts") + 1,
        )
        if not taken:
            return None
        JobRun.objects.filter(pk=run_id, started_at=None).update(started_at=clock.now())
        run = JobRun.objects.select_related("member__role", "member__user").get(pk=run_id)
        actor = Actor.of(enterprise, run.member, "job") if run.member else Actor.system(enterprise)
        return run, enterprise, actor.in_job(run.pk)


def _end(context: JobContext, state: str, **values: Any) -> JobRun | None:
    """Close the run and tell whoever asked for it. What a failed step wanted to write is not among `updates`."""
    with tenant(context.enterprise.pk):
        ended = JobRun.objects.filter(pk=context.run_id, claim=context.claim).update(
            state=state, finished_at=clock.now(), claim=None, **{**context.updates, **values}
        )
        if not ended:
            return None
        run = JobRun.objects.get(pk=context.run_id)
        notifications.run_ended(run)
        return run


def _hand_back(context: JobContext) -> None:
    """Into the queue again; the sweeper sends it after a while, and does all of this if the database is away."""
    with suppress(DatabaseError), tenant(context.enterprise.pk):
        JobRun.objects.filter(pk=context.run_id, claim=context.claim).update(
            state=JobRun.State.QUEUED, claim=None, dispatched_at=clock.real()
        )


def _gave_up() -> dict[str, Any]:
    detail = _("The work was interrupted %(count)s times without getting on, and was given up.")
    return {"code": "gave_up", "detail": detail % {"count": MAX_ATTEMPTS}}


def _unexpected(run_id: UUID) -> dict[str, Any]:
    detail = _("Something went wrong. If it stays so, tell us this number: %(id)s")
    return {"code": "internal_error", "detail": detail % {"id": run_id}, "id": str(run_id)}


def _language(actor: Actor) -> str:
    """Texts of a run (refusals, reports) are written in the language of who asked for it."""
    user = actor.member.user if actor.member else None
    return (user.language if user else "") or settings.LANGUAGE_CODE


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return value if isinstance(value, (int, float, str, type(None))) else force_str(value)
