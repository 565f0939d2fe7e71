"""Two enterprises, everybody who may knock, and one of everything there is to knock at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

import tests.jobs.handlers  # noqa: F401
from collaboration.models import Duplicate
from collaboration.services import duplicates, transfers
from collaboration.services import grants as collaborators
from common import clock
from common.tenancy import tenant
from contacts.models import Contact, GroupChat, Tag, TagGroup, TagRule
from contacts.services import attachments, cleanups, follow_ups, merges
from contacts.services.contacts import archive_contact
from contacts.services.views import save_view
from enterprises.actors import Actor
from enterprises.models import Department, Enterprise, Member, Role
from enterprises.services import GRADED_ADMIN, STAFF, builtin_role
from enterprises.services.members import resign_member
from jobs import services
from jobs.models import JobRun, Notification
from quota import services as quota
from quota.models import Campaign
from tests import factories
from tests.permissions.upstream_world import join_elsewhere, structure

# Members of the enterprise whose things are asked for.
OURS = ("staff", "viewer", "editor", "follower", "owner", "graded_in", "graded_out", "admin")
# Everybody else.
OTHERS = ("anonymous", "foreign", "disabled", "suspended")
PERSONAS = (*OTHERS, *OURS)


@dataclass
class Persona:
    """Somebody with a token and a session, and the permission codes of their role."""

    api: Client
    console: Client
    codes: frozenset[str] = frozenset()
    member: Member | None = None


@dataclass
class World:
    """`ids`: one of each kind of thing, by the name that the tables use in paths."""

    enterprise: Enterprise
    ids: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Persona] = field(default_factory=dict)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever happens inside leaves nothing; tenant scopes may open in it, as in a test case of Django's."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def build() -> tuple[World, World]:
    """Our world, and the same things in another enterprise."""
    ours, theirs = _enterprise("我们"), _enterprise("他们")
    for world in (ours, theirs):
        world.ids |= join_elsewhere(world.enterprise)
    ours.people["foreign"] = theirs.people["admin"]
    ours.people["anonymous"] = Persona(Client(headers={"Accept-Language": "en"}), Client())
    asleep = factories.enterprise("停用")
    with tenant(asleep.pk):
        boss = factories.super_admin(asleep).member
    ours.people["suspended"] = _persona(asleep, boss)
    ours.ids["suspended_code"] = asleep.code
    Enterprise.objects.filter(pk=asleep.pk).update(status=Enterprise.Status.SUSPENDED)
    with tenant(ours.enterprise.pk):
        leaver = factories.member()
    ours.people["disabled"] = _persona(ours.enterprise, leaver)
    with tenant(ours.enterprise.pk):
        Member.objects.filter(pk=leaver.pk).update(status=Member.Status.DISABLED)
    return ours, theirs


def _persona(enterprise: Enterprise, member: Member) -> Persona:
    console = Client()
    console.force_login(member.user)
    console.cookies["language"] = "en"
    with tenant(enterprise.pk):
        codes = Member.objects.select_related("role").get(pk=member.pk).role.codes
    return Persona(factories.api_client(enterprise, member), console, frozenset(codes), member)


def _enterprise(name: str) -> World:
    firm = factories.enterprise(name)
    world = World(firm)
    with tenant(firm.pk):
        admin = factories.super_admin(firm)
        south, north = Department.objects.create(name="南区"), Department.objects.create(name="北区")
        people = {
            "staff": factories.member(department=north),
            "viewer": factories.member(department=north),
            "editor": factories.member(department=north),
            "follower": factories.member(department=north),
            "owner": factories.member(department=south),
            "graded_in": factories.member(role=GRADED_ADMIN, department=south, ranges=[south]),
            "graded_out": factories.member(role=GRADED_ADMIN, department=north, ranges=[north]),
            "admin": admin.member,
        }
        assert all(people.values())
        owner = Actor.of(firm, people["owner"], "api")
        follower = Actor.of(firm, people["follower"], "api")
        contact = factories.contact(owner, external_userid="wm-seen", name="王小明")
        factories.contact(follower, external_userid="wm-seen", name="王小明")
        archived = archive_contact(admin, contact=factories.contact(owner, external_userid="wm-archived"))
        for level in ("viewer", "editor"):
            for one in (contact, archived):
                offer = collaborators.invite(owner, contact=one, member=people[level], level=level)
                collaborators.accept(Actor.of(firm, people[level], "api"), invitation=offer)
        invitation = collaborators.invite(owner, contact=contact, member=people["staff"], level="viewer")
        group = GroupChat.objects.create(chat_id="wr-1", name="客户群", owner=people["owner"])
        plan = follow_ups.write(owner, contact=contact, text="回访", next_at=clock.now() + timedelta(days=1))
        paper = attachments.attach(owner, follow_up=plan, file=SimpleUploadedFile("报价.txt", "三件八折".encode()))
        silent = factories.contact(owner, external_userid="wm-silent")
        twin = factories.contact(owner, external_userid="wm-twin")
        Contact.objects.filter(pk=silent.pk).update(inactive=True)
        tag_group = TagGroup.objects.create(name="来源")
        tag = Tag.objects.create(group=tag_group, name="展会")
        ruled = Tag.objects.create(group=TagGroup.objects.create(name="意向"), name="高")
        tag_rule = TagRule.objects.create(name="规则", conditions={"grade": ["low"]}, tag=ruled)
        runs = {
            "job": _run(admin, "done", report="x", report_name="x.csv", undo_until=clock.now() + timedelta(days=1)),
            "open_job": _run(admin, "queued"),
            "failed_job": _run(admin, "failed", error={"code": "x", "detail": "x"}),
        }
        note = Notification.objects.create(
            member=admin.member, kind="job.done", key="k", data={"run": runs["job"].pk.hex}
        )
        leaver, giver = factories.member(department=south), factories.member(department=south)
        webhook, _secret = services.create_webhook(admin, name="ERP", url="https://hooks.example.com/")
        delivery = services.test_webhook(admin, webhook=webhook)
        newcomer = factories.member(department=south)
        for one in (leaver, giver):
            factories.contact(Actor.of(firm, one, "api"))
        resign_member(admin, member=leaver)
        to_newcomer = {"parts": [{"takers": [str(newcomer.pk)]}]}
        handed = transfers.order(admin, member=giver, plan=to_newcomer)
        stopped = transfers.order(owner, plan=to_newcomer, ids=[contact.pk])
        transfers.cancel(admin, transfer=stopped)
        rule = transfers.save_rule(admin, department=south, plan=to_newcomer)
        for friend in (owner, follower):
            factories.contact(friend, external_userid="wm-settled", name="李雷")
        duplicates.radar()
        settled = Duplicate.objects.get(contact__external_userid="wm-settled")
        duplicates.settle(admin, duplicate=settled, owner=people["owner"])
        empty_role = Role.objects.create(name="临时", scope=Role.Scope.RELATED, permissions=[])
        away = factories.member(department=south)
        Member.objects.filter(pk=away.pk).update(status=Member.Status.DISABLED)
        invited = Member.objects.create(
            userid="invited", name="待加入", email="new@example.com", role=builtin_role(STAFF), department=south
        )
        budget = quota.create_budget(admin, department=south, places=50)
        loan, lent = (quota.request_loan(admin, borrower=budget, lender=None, places=1) for _number in range(2))
        quota.approve_loan(admin, loan=lent)
        today = clock.now().date()
        world.ids |= {
            **structure(admin, people, contact),
            "campaign": Campaign.objects.create(name="618", starts_on=today, ends_on=today).pk,
            "contact": contact.pk,
            "follow_up": plan.pk,
            "silent": silent.pk,
            "merge": merges.merge(admin, contact=contact, gone=twin).pk,
            "clean_up": cleanups.announce(admin).pk,
            "file": paper.pk,
            "archived": archived.pk,
            "group": group.pk,
            "tag_group": tag_group.pk,
            "view": save_view(admin, name="高价值", filter={"grade": "high"}, shared=True).pk,
            "tag": tag.pk,
            "other_tag": Tag.objects.create(group=tag_group, name="网站").pk,
            "tag_rule": tag_rule.pk,
            "department": south.pk,
            "north": north.pk,
            "leaf": Department.objects.create(name="空部门", parent=south).pk,
            "role": empty_role.pk,
            "member": newcomer.pk,
            "away": away.pk,
            "invited": invited.pk,
            "friend": people["follower"].pk,
            "editor": people["editor"].pk,
            "invitation": invitation.pk,
            "notification": note.pk,
            "holder": people["owner"].pk,
            "leaver": leaver.pk,
            "transfer": handed.pk,
            "stopped": stopped.pk,
            "handed": handed.items.get().pk,
            "inheritance_rule": rule.pk,
            "webhook": webhook.pk,
            "delivery": delivery.pk,
            "budget": budget.pk,
            "loan": loan.pk,
            "lent": lent.pk,
            "duplicate": Duplicate.objects.get(contact=contact).pk,
            "settled_duplicate": settled.pk,
            **{kind: run.pk for kind, run in runs.items()},
        }
    world.people = {who: _persona(firm, member) for who, member in people.items()}
    with tenant(firm.pk):
        world.ids["token"] = people["admin"].tokens.get().pk
    world.ids["code"] = firm.code
    return world


def _run(admin: Actor, state: str, **values: Any) -> JobRun:
    return JobRun.objects.create(name="tests.count", state=state, member=admin.member, params={"upto": 1}, **values)


def replaced(value: Any, swap: dict[UUID, Any]) -> Any:
    """A body with some ids replaced."""
    if isinstance(value, dict):
        return {key: replaced(item, swap) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, swap) for item in value]
    return swap.get(value, value) if isinstance(value, UUID) else value
