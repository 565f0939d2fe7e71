"""Enterprises to measure with, filled through the product's own import."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile

from common.tenancy import tenant
from contacts.services.imports import import_upload
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member, User
from enterprises.services import builtin_role, create_enterprise, update_policy
from jobs.runner import execute_run
from quota.services import review

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
MEMBERS = 20
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲华建国"


def enterprise(name: str) -> Enterprise:
    """A verified enterprise with room for everybody, and some staff; the one of this name when it is there."""
    if there := Enterprise.objects.filter(name=name).first():
        return there
    admin = User.objects.create(email=f"{name}@bench.example", name=name)
    made = create_enterprise(name=name, admin=admin, verified=True)
    with tenant(made.pk):
        update_policy(actor(made), values={"free_verified": 9_000_000})
        staff = builtin_role("staff")
        for number in range(MEMBERS):
            Member.objects.create(userid=f"staff{number}", name=f"员工{number}", role=staff)
        review(made)  # as every hour: so that adding knows within which numbers no alert begins
    return made


def actor(enterprise: Enterprise) -> Actor:
    """Its super admin; the scope must be open."""
    member = Member.objects.select_related("role", "user").get(role__builtin="super_admin")
    return Actor.of(enterprise, member, "api")


def as_member(enterprise: Enterprise, member: Member) -> Actor:
    """Somebody of it; the scope must be open."""
    return Actor.of(enterprise, Member.objects.select_related("role", "user").get(pk=member.pk), "api")


def write_files(folder: Path, count: int) -> tuple[Path, Path]:
    """A CSV of contacts and one of purchases (one for each contact, about)."""
    chance = random.Random(count)
    people, orders = folder / f"contacts-{count}.csv", folder / f"purchases-{count}.csv"
    began = datetime(2023, 1, 1)
    with people.open("w", newline="") as first, orders.open("w", newline="") as second:
        contacts, purchases = csv.writer(first), csv.writer(second)
        contacts.writerow(("external_userid", "name", "remark", "company", "phone", "owner", "added_at"))
        purchases.writerow(("external_userid", "order_no", "paid_at", "amount"))
        for number in range(count):
            key = f"wmbench{number:09}"
            added = began + timedelta(minutes=chance.randrange(1_750_000))
            name = chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.randint(1, 2)))
            company = f"{chance.choice(SURNAMES)}记商贸{number % 5000}" if number % 4 == 0 else ""
            remark = f"{name[0]}姐" if number % 3 == 0 else ""
            phone = f"12{number:09}" if number % 2 else ""
            owner = f"staff{chance.randrange(MEMBERS)}"
            contacts.writerow((key, name, remark, company, phone, owner, f"{added:%Y-%m-%d %H:%M:%S}"))
            buyer = f"wmbench{chance.randrange(count):09}"
            paid = began + timedelta(minutes=chance.randrange(1_800_000))
            purchases.writerow(
                (buyer, f"O{number:09}", f"{paid:%Y-%m-%d %H:%M:%S}", f"{chance.paretovariate(1) * 200:.2f}")
            )
    return people, orders


def load(enterprise: Enterprise, kind: str, path: Path, on_full: str = "refuse") -> dict[str, Any]:
    """Import a file and return the job's result; raises unless it went well and refused nothing."""
    with path.open("rb") as file, tenant(enterprise.pk):
        upload = UploadedFile(file, path.name, "text/csv", path.stat().st_size)
        run = import_upload(actor(enterprise), file=upload, kind=kind, on_full=on_full)
    return done(enterprise.pk, run.pk)


def done(enterprise_id: UUID, run_id: UUID, partly: bool = False) -> dict[str, Any]:
    """Do a queued job here and return its result; `partly`: it may refuse some."""
    ended = execute_run(enterprise_id, run_id)
    if ended is None or ended.state != "done" or ((ended.result or {}).get("refused") and not partly):
        raise RuntimeError(f"The job did not go well: {ended and (ended.state, ended.result, ended.error)}")
    return ended.result or {}
