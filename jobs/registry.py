"""What jobs there are. A job is a handler with a name, a label, and what it offers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from common.errors import NotFound, Text

if TYPE_CHECKING:
    from enterprises.actors import Actor
    from jobs.models import JobRun
    from jobs.runner import JobContext

Handler = Callable[["JobContext"], dict[str, Any]]
Window = Callable[[datetime, tzinfo], str]
Guard = Callable[["Actor", "JobRun"], object]


@dataclass(frozen=True)
class Job:
    """A kind of work.

    `undo` names the job that takes it back, `window` makes scheduled runs unique, `permission` is the code that
    undoing and retrying need (asking for the work is checked by the service that queues it). `waiting` names the SQL
    function that says for a moment which enterprises have work for it: then nobody else gets a run. `guard` is asked
    with whoever fetches its file, and refuses; who sees the run was asked before.
    """

    name: str
    label: Text
    handler: Handler
    undo: str | None = None
    window: Window | None = None
    permission: str | None = None
    waiting: str | None = None
    guard: Guard | None = None


JOBS: dict[str, Job] = {}

# Called with the ids of runs that are about to be deleted; rooms above append what deletes rows that belong to them.
BEFORE_REMOVAL: list[Callable[[list[UUID]], object]] = []
# The same, when the files of runs are deleted, which is earlier: for rows that hold what stands in the files.
WITH_FILES: list[Callable[[list[UUID]], object]] = []


def job(
    name: str,
    *,
    label: Text,
    undo: str | None = None,
    window: Window | None = None,
    permission: str | None = None,
    waiting: str | None = None,
    guard: Guard | None = None,
) -> Callable[[Handler], Handler]:
    """Register a handler: `@job("contacts.grade", label=_("Value grades"), window=daily)`."""

    def register(handler: Handler) -> Handler:
        if name in JOBS:
            raise ValueError(f"Two jobs are called {name}.")
        JOBS[name] = Job(name, label, handler, undo, window, permission, waiting, guard)
        return handler

    return register


def needs(code: str, *, of_others: str = "") -> Guard:
    """A guard: fetching the file needs this code, as it stands now; that of somebody else's run another one, too."""

    def ask(actor: "Actor", run: "JobRun") -> None:
        actor.require(code)
        if of_others and run.member_id != actor.member_id:
            actor.require(of_others)

    return ask


def get(name: str) -> Job:
    """The job of this name; NotFound when there is none."""
    if name not in JOBS:
        raise NotFound()
    return JOBS[name]


def label(name: str) -> Text:
    """What people call this job; the bare name of one that is gone."""
    return JOBS[name].label if name in JOBS else name


def daily(moment: datetime, zone: tzinfo) -> str:
    """One run per day of the enterprise."""
    return moment.astimezone(zone).strftime("%Y-%m-%d")


def hourly(moment: datetime, zone: tzinfo) -> str:
    """One run per hour."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H%z")


def minutely(moment: datetime, zone: tzinfo) -> str:
    """One run per minute: for work that has a due time of its own."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M%z")


def load() -> None:
    """Import the `tasks` module of every app, which registers its jobs."""
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "tasks"):
            import_module(f"{config.name}.tasks")
