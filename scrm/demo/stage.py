"""Where a story is played: who acts, at which moment, and its jobs done here and now."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from common import clock
from common.tenancy import tenant
from contacts.services.imports import import_upload
from enterprises.actors import Actor
from enterprises.models import Department, Enterprise, Member
from enterprises.services import GRADED_ADMIN, STAFF, builtin_role, create_enterprise
from enterprises.services.accounts import create_account
from enterprises.services.departments import create_department, update_department
from enterprises.services.invitations import accept_new, invite, link_token
from enterprises.services.members import create_member
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run

Scene = Callable[[Actor], Any]
Step = Callable[[], Any]


@dataclass(frozen=True)
class Person:
    """An employee: their department, and the departments given to them if they are a graded admin."""

    userid: str
    name: str
    department: str
    leads: bool = False
    manages: tuple[str, ...] = ()
    logs_in: bool = False


@dataclass
class Stage:
    """An enterprise, and the plan of what happens in it."""

    enterprise: Enterprise
    domain: str
    password: str
    plan: list[tuple[datetime, Step]] = field(default_factory=list)

    @classmethod
    def open(cls, moment: datetime, *, name: str, admin: str, person: str, password: str) -> "Stage":
        """Make the enterprise with its super admin; it is verified from the start."""
        with clock.at(moment):
            user = create_account(email=admin, name=person, password=password)
            enterprise = create_enterprise(name=name, admin=user, verified=True)
        return cls(enterprise, admin.partition("@")[2], password)

    # --- Acting -------------------------------------------------------------------------------------------

    @contextmanager
    def scene(self, moment: datetime, userid: str = "admin") -> Iterator[Actor]:
        """A member acts in the console at this moment, in one transaction."""
        with clock.at(moment), tenant(self.enterprise.pk):
            member = Member.objects.select_related("role", "user").get(userid=userid)
            yield Actor.of(self.enterprise, member, "console")

    def run(self, moment: datetime, start: Callable[[Actor], JobRun], userid: str = "admin") -> JobRun:
        """Ask for a job and do it at once."""
        with self.scene(moment, userid) as actor:
            run = start(actor)
        with clock.at(moment):
            ended = execute_run(self.enterprise.pk, run.pk)
        if ended is None or ended.state != JobRun.State.DONE:
            raise RuntimeError(f"{run.name} did not end well: {ended and ended.error}")
        return ended

    def nightly(self, moment: datetime, *names: str) -> None:
        """Scheduled jobs, as their schedule would start them."""
        for name in names:
            with clock.at(moment):
                with tenant(self.enterprise.pk):
                    run = jobs.enqueue_scheduled(self.enterprise, name=name)
                if run is not None:
                    execute_run(self.enterprise.pk, run.pk)

    def catch_up(self, moment: datetime, name: str) -> None:
        """Do the jobs of this name that somebody asked for by the way."""
        with tenant(self.enterprise.pk):
            waiting = list(JobRun.objects.filter(name=name, state=JobRun.State.QUEUED).values_list("pk", flat=True))
        for pk in waiting:
            with clock.at(moment):
                execute_run(self.enterprise.pk, pk)

    def load(
        self,
        moment: datetime,
        kind: str,
        file: str,
        header: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        userid: str = "admin",
        on_full: str = "refuse",
    ) -> JobRun | None:
        """Import a CSV file; nothing happens when it would be empty."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(header)
        count = sum(1 for row in rows if writer.writerow(row))
        if not count:
            return None
        upload = SimpleUploadedFile(file, text.getvalue().encode("utf-8-sig"))
        return self.run(moment, lambda actor: import_upload(actor, file=upload, kind=kind, on_full=on_full), userid)

    # --- The plan -----------------------------------------------------------------------------------------

    def later(self, moment: datetime, step: Step) -> None:
        """Something that will happen at this moment."""
        self.plan.append((moment, step))

    def later_scene(self, moment: datetime, scene: Scene, userid: str = "admin") -> None:
        """Something that a member will do at this moment."""

        def step() -> None:
            with self.scene(moment, userid) as actor:
                scene(actor)

        self.later(moment, step)

    def play(self) -> None:
        """Everything that was planned, in the order of time."""
        for _moment, step in sorted(self.plan, key=lambda planned: planned[0]):
            step()
        self.plan.clear()

    # --- People -------------------------------------------------------------------------------------------

    def employ(self, moment: datetime, tree: dict[str, str], people: Sequence[Person]) -> None:
        """Departments (name → name of the one above, or empty) and the members in them; some accept an invitation."""
        invited: list[str] = []
        with self.scene(moment) as actor:
            departments: dict[str, Department] = {}
            for position, (name, above) in enumerate(tree.items()):
                departments[name] = create_department(
                    actor, name=name, parent=departments.get(above), position=position
                )
            for person in people:
                member = create_member(
                    actor,
                    userid=person.userid,
                    name=person.name,
                    email=f"{person.userid}@{self.domain}",
                    department=departments[person.department],
                    role=builtin_role(GRADED_ADMIN if person.manages else STAFF),
                    ranges=[departments[name] for name in person.manages],
                )
                if person.leads:
                    update_department(actor, department=departments[person.department], changes={"leader": member})
                if person.logs_in:
                    invited.append(link_token(invite(actor, member=member)))
        with clock.at(moment + timedelta(hours=2)):
            for token in invited:
                accept_new(token, name="", password=self.password)
