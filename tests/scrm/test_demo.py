"""The demo: made by the services, so all of its numbers agree (issue 2, 9)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F
from django.utils.translation import override

from common import clock
from common.tenancy import tenant
from console.templatetags.audit import changes
from contacts import search
from contacts.models import (
    CleanUp,
    Contact,
    Follow,
    FollowUp,
    FollowUpFile,
    GroupMember,
    Interaction,
    Tag,
    TagGroup,
)
from contacts.rules import Plan, plan
from enterprises.models import AuditEntry, Enterprise, Member, User
from enterprises.services import zone
from jobs.models import Delivery, JobRun, Webhook
from quota import queries
from quota.models import Alert
from quota.services import verify_counts
from scrm import demo
from scrm.demo import care, platform, retailer
from tests import factories
from upstream.queries import bridges

pytestmark = pytest.mark.django_db

SMALL = retailer.Size(
    contacts=420,
    group_only=48,
    archived_long_ago=(8, 9),
    archived_lately=12,
    lost=5,
    not_released_yet=3,
    second_friends=4,
)


def statuses():
    return {status: Contact.objects.filter(status=status).count() for status in ("active", "archived", "lost")}


@contextmanager
def hour(hour: int, minute: int) -> Iterator[None]:
    """This time of today, where the enterprises of the demo are: a story told at any hour must hold together."""
    with clock.at(clock.now().astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=hour, minute=minute)):
        yield


def plans(shop: Enterprise) -> set[Plan]:
    open_ones = FollowUp.objects.filter(done_at=None)
    return {plan(one.next_at, clock.now(), zone(shop)) for one in open_ones if one.next_at}


@hour(23, 50)
def test_q14_the_demo_tells_one_story_whose_numbers_agree():
    assert not demo.exists()
    demo.create(lambda text: None, SMALL)
    assert demo.exists()
    by_name = {enterprise.name: enterprise for enterprise in Enterprise.objects.all()}
    assert set(by_name) == {retailer.NAME, platform.NAME}

    shop = by_name[retailer.NAME]
    with tenant(shop.pk):
        assert statuses() == {"active": 386, "archived": 29, "lost": 5}
        assert verify_counts() == {"ledger": 386, "counter": 386, "contacts": 386, "ok": True}
        overview = queries.overview(shop)
        assert (overview.position.capacity, overview.difference) == (5000, 3)
        assert overview.valid_until is not None
        # Sixty days, less the hours of today, and a day when the year would end on 29 February.
        assert timedelta(days=58) < overview.valid_until - clock.now() < timedelta(days=61)
        friends = Follow.objects.values("contact")
        strangers = Contact.objects.exclude(pk__in=friends)
        assert strangers.count() == GroupMember.objects.filter(contact__in=strangers).count() == 48
        assert {"high", "middle", "low"} == set(Contact.objects.values_list("grade", flat=True).distinct())
        assert Contact.objects.filter(inactive=True).exists()
        assert Member.objects.filter(status="resigned").count() == 1
        assert not JobRun.objects.exclude(state="done").exists()
        refused = JobRun.objects.exclude(report="").get()
        assert refused.result["refusals"].keys() >= {"missing_id", "bad_id", "owner_unknown", "duplicate_in_file"}
        first = Interaction.objects.order_by("at")[0].at
        assert clock.now() - first > timedelta(days=500)
        assert not Interaction.objects.filter(at__gt=clock.now()).exists()

        boss = factories.super_admin(shop)
        # Some customers are found by what a second friend calls them, and the list says so (C11).
        others = Follow.objects.exclude(remark="").exclude(member_id=F("contact__owner_id"))
        renamed = others.exclude(remark__in=Contact.objects.values("remark")).select_related("contact")
        assert len(renamed) > 2
        for one in renamed:
            assert (one.contact, one.remark) in search.suggestions(boss, one.remark, size=20)

        [joined] = bridges.joined(boss)
        bridges.present([joined])
        inside = bridges.inside(joined)
        assert (joined.host.name, joined.present.space_name) == (platform.NAME, "启衡·采购商")
        assert (joined.present.partner_name, joined.present.people) == (retailer.NAME, 3)
        assert {share.title for share in inside.shares} == {"包装耗材年度询价会", "产品图与参数", "华东区特价清单"}
        assert len(inside.contacts) > 2 and inside.partners == []

    with tenant(shop.pk):
        assert plans(shop) == set(Plan)
        assert FollowUp.objects.exclude(done_at=None).exists() and FollowUpFile.objects.exists()
        assert set(Tag.objects.filter(rules__active=True).values_list("taggings__rule__name", flat=True)) == {
            name for name, _tag, _conditions in care.RULES
        }
        assert set(TagGroup.objects.values_list("colour", flat=True)) == {"blue", *care.COLOURS.values()}
        round_ = CleanUp.objects.get()
        assert (round_.state, round_.due_at > clock.now()) == ("announced", True)
        month = clock.now() - timedelta(days=30)
        assert Follow.objects.filter(ended_at__gt=month).count() >= 2

    with tenant(by_name[platform.NAME].pk):
        assert verify_counts()["ok"]
        assert statuses() == {"active": platform.CUSTOMERS, "archived": 0, "lost": 0}

    for enterprise in by_name.values():
        with tenant(enterprise.pk), override("zh-hans"):
            entries = AuditEntry.objects.all()
            assert not entries.filter(at__gt=clock.now()).exists()
            told = {str(change.name) for entry in entries for change in changes(entry)}
            assert {name for name in told if name.isascii()} <= {"Webhook"}, "words for console/words.py"

    for login in demo.LOGINS:
        assert User.objects.get(email=login.email).check_password(demo.PASSWORD)


@hour(0, 10)
def test_q13_the_demo_has_alerts_and_mails_nobody():
    demo.create(lambda text: None, SMALL)
    shop = Enterprise.objects.get(name=retailer.NAME)
    with tenant(shop.pk):
        assert Alert.objects.filter(kind="expiry", threshold=90, cleared_at=None).count() == 1
        assert not Delivery.objects.filter(state="waiting").exists()
        assert not Webhook.objects.get().enabled
        assert plans(shop) == set(Plan)
