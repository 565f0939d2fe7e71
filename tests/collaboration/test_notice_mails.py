"""O2, O6, O7, O9, Q13: what collaboration tells people gets to bell and mail, as each chose; by a real SMTP server."""

from datetime import timedelta

import pytest
from django.utils import translation

from collaboration.models import Duplicate
from collaboration.services import duplicates, expiry, grants, rules, transfers
from collaboration.services.transfers.notices import warn_of_pool
from common import clock
from common.tenancy import tenant
from contacts.services.contacts import add_contact
from enterprises.models import Department, Enterprise, Member
from enterprises.services.members import resign_member
from jobs import notifications
from jobs.models import JobRun, Notification
from jobs.runner import execute_run
from jobs.sending import worker
from jobs.services import preferences
from tests import factories
from tests.jobs.test_mail import mailbox, parts, subject  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("committed_db")
NOON = factories.NOON
DAY = timedelta(days=1)
OURS = {kind for kind in notifications.KINDS if kind.startswith(("collaboration.", "transfer.", "duplicates."))}


class Story:
    """An enterprise in which everything happens that collaboration tells somebody of."""

    def __init__(self) -> None:
        self.enterprise: Enterprise = factories.enterprise("星河零售")
        with tenant(self.enterprise.pk), clock.at(NOON):
            self.admin = factories.super_admin(self.enterprise).member
            south = Department.objects.create(name="华南")
            names = ("Owen", "Ann", "Bob", "Lea", "Rue", "Gus", "Max")
            self.owen, self.ann, self.bob, self.lea, self.rue, self.gus, self.max = (
                factories.member(name, department=south) for name in names
            )
            self.contact = factories.contact(self.acting(self.owen), name="王小明")
            for leaver in (self.lea, self.rue):
                factories.contact(self.acting(leaver))

    def acting(self, member: Member):
        return factories.acting(self.enterprise, member)

    def choose(self, **ways: bool) -> None:
        """Everybody wants to be told of everything in this way."""
        with tenant(self.enterprise.pk):
            for member in Member.objects.select_related("role"):
                preferences.choose(self.acting(member), wanted=dict.fromkeys(OURS, ways))

    def at(self, days: float, *steps) -> None:
        """Each step is a transaction of its own; afterwards the jobs run."""
        with clock.at(NOON + days * DAY):
            for step in steps:
                with tenant(self.enterprise.pk):
                    step(self.acting(Member.objects.get(pk=self.admin.pk)))
            with tenant(self.enterprise.pk):
                runs = list(JobRun.objects.filter(state="queued", name="collaboration.transfer").values_list("pk"))
            for (run,) in runs:
                assert execute_run(self.enterprise.pk, run).state == "done"

    def happen(self) -> None:
        with tenant(self.enterprise.pk):
            owen, ann, bob, gus = (self.acting(one) for one in (self.owen, self.ann, self.bob, self.gus))
        contact = self.contact
        to_bob = {"parts": [{"takers": [str(self.bob.pk)]}]}

        def invite(actor, member, **more):
            return grants.invite(actor, contact=contact, member=member, level="viewer", **more)

        def not_asked(admin):
            rules.set_rule(admin, role=admin.member.role, changes={"asks": False})

        self.at(
            0,
            lambda _admin: grants.accept(ann, invitation=invite(owen, self.ann, expires_at=NOON + 4 * DAY)),
            lambda _admin: grants.decline(bob, invitation=invite(owen, self.bob)),
            not_asked,
            lambda admin: invite(admin, self.bob),
            lambda admin: grants.change(admin, contact=contact, member=self.bob, changes={"level": "editor"}),
            lambda admin: grants.remove(admin, contact=contact, member=self.bob),
            lambda _admin: grants.accept(gus, invitation=invite(owen, self.gus)),
            lambda _admin: grants.remove(gus, contact=contact, member=self.gus),
        )
        self.at(2, lambda _admin: expiry.warn())
        self.at(4, expiry.clear_expired)
        self.at(
            5,
            lambda admin: resign_member(admin, member=self.lea),
            lambda admin: transfers.save_rule(admin, department=None, plan={"parts": [{"takers": [str(self.max.pk)]}]}),
            lambda admin: Member.objects.filter(pk=self.max.pk).update(status="disabled"),
            lambda admin: resign_member(admin, member=self.rue),
        )
        self.at(9, lambda _admin: warn_of_pool(self.enterprise))
        self.at(
            10,
            lambda admin: transfers.order(admin, member=Member.objects.get(pk=self.lea.pk), plan=to_bob),
            lambda _admin: transfers.order(owen, plan=to_bob, ids=[contact.pk]),
        )
        self.at(11, transfers.settle_due)
        self.at(12, self.followed_by_two)

    def followed_by_two(self, admin) -> None:
        add_contact(self.acting(self.ann), external_userid=self.contact.external_userid, name="王小明")
        duplicates.radar()
        duplicates.settle(admin, duplicate=Duplicate.objects.get(), owner=self.ann, others="end")

    def told(self) -> set[tuple[str, str]]:
        """(address, text) of everything that was told."""
        with tenant(self.enterprise.pk), translation.override("zh-hans"):
            notes = Notification.objects.filter(kind__in=OURS).select_related("member")
            return {(note.member.email, f"[星河零售] {notifications.text(note)}") for note in notes}

    def kinds(self, **filters) -> set[str]:
        with tenant(self.enterprise.pk):
            return set(Notification.objects.filter(kind__in=OURS, **filters).values_list("kind", flat=True))


def deliver(story: Story) -> None:
    while worker.deliver(story.enterprise.pk):
        pass


def test_o2_o6_o7_o9_every_kind_is_mailed_to_who_wants_mails(mailbox):  # noqa: F811
    story = Story()
    story.choose(bell=False, mail=True)
    story.happen()
    deliver(story)
    assert story.kinds() == OURS  # all that is declared did happen
    assert story.kinds(bell=True) == set()
    assert {(rcpt[0], subject(message)) for rcpt, message in mailbox.messages} == story.told()
    with tenant(story.enterprise.pk):
        pages = {note.kind: notifications.page(note) for note in Notification.objects.filter(kind__in=OURS)}
    texts = [parts(message)["text/plain"] for _rcpt, message in mailbox.messages]
    for kind, page in pages.items():
        assert page, kind
        assert any(f"https://scrm.example.com/e/{story.enterprise.code}/{page}" in text for text in texts), kind


def test_o2_o6_o7_o9_who_wants_none_gets_none(mailbox):  # noqa: F811
    story = Story()
    story.choose(bell=True, mail=False)
    story.happen()
    deliver(story)
    assert story.kinds(bell=True) == OURS
    assert mailbox.messages == []


def test_what_asks_for_something_is_mailed_unless_one_says_otherwise():
    assert {kind for kind in OURS if notifications.KINDS[kind].mail} == {
        "collaboration.invited",
        "collaboration.ends_soon",
        "duplicates.ended",
        "transfer.coming",
        "transfer.inherited",
        "transfer.pool",
        "transfer.resigned",
        "transfer.rule_refused",
    }


@pytest.mark.parametrize("kind", sorted(OURS))
def test_every_kind_has_a_name_to_choose_it_by(kind):
    with translation.override("en"):
        assert "…" not in notifications.KINDS[kind].name
