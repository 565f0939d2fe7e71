"""64 at once, in the second in which a package ends (Q5, Q6, Q7, Q10, Q12, Q14): buys, renewals, adds, archives, facts,
the job that records the expiry, people who move. Whatever the order, the books agree afterwards."""

import random
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from common import clock
from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.contacts import add_contact, archive_contact, report_contact, restore_contact
from contacts.services.relations import change_owner
from enterprises.services.members import update_member
from quota import queries, rules, services
from quota.models import Account, LedgerEntry, Package, TierPrice
from tests import factories
from tests.parallel import in_parallel
from tests.quota.teams import assert_true, budget, served, tree

BOUGHT = datetime(2027, 3, 1, 4, tzinfo=UTC)
ENDS = datetime(2028, 3, 1, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KINDS = ("purchase", "renewal", "upgrade")


@contextmanager
def prices(*tiers: int):
    """The price table with these tiers only; it is not of an enterprise, so it is put back."""
    before = list(TierPrice.objects.all())
    TierPrice.objects.all().delete()
    TierPrice.objects.bulk_create(TierPrice(tier=one, price=one, effective_from=BOUGHT.date()) for one in tiers)
    try:
        yield
    finally:
        TierPrice.objects.all().delete()
        TierPrice.objects.bulk_create(before)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_q5_q6_q7_q10_q12_q14_everything_at_the_boundary_second(committed_db, seed):
    chance = random.Random(seed)
    with prices(40, 60, 80):
        with clock.at(BOUGHT):
            enterprise = factories.enterprise()
            with tenant(enterprise.pk):
                team = tree(enterprise)
                factories.reset_policy({"free_verified": 20, "free_unverified": 20})
                services.refresh_account(enterprise)
                services.buy_package(team.admin, tier=40, kind="purchase")
                budget(team.admin, team.south, 18)
                budget(team.admin, team.shenzhen, 8)
                people = (team.as_sam, team.as_sue, team.as_ned)
                old = [factories.contact(people[number % 3]) for number in range(18)]
                archived = [factories.contact(team.as_ned) for _number in range(4)]
                for contact in archived:
                    archive_contact(team.admin, contact=contact)

        def attempt(moment, work) -> str:
            try:
                with clock.at(moment), tenant(enterprise.pk):
                    work()
            except Refusal as refusal:
                return refusal.code
            return "done"

        works = [
            *(
                partial(services.buy_package, team.admin, tier=tier, kind=kind)
                for kind in KINDS
                for tier in (40, 60, 80)
            ),
            *(
                partial(add_contact, people[number % 3], external_userid=f"new{number}", name="新")
                for number in range(30)
            ),
            *(partial(archive_contact, team.admin, contact=one) for one in old[:6]),
            *(partial(restore_contact, team.admin, contact=one) for one in archived),
            *(partial(change_owner, team.admin, contact=one, owner=team.ned) for one in old[6:12]),
            *(
                partial(report_contact, team.admin, external_userid=f"fact{number}", name="事实", follower=team.sam)
                for number in range(4)
            ),
            *(partial(services.record_expiry, team.admin) for _number in range(3)),
            partial(update_member, team.admin, member=team.sue, changes={"department": team.north}),
            partial(update_member, team.admin, member=team.ned, changes={"department": team.canton}),
        ]
        assert len(works) == 64
        chance.shuffle(works)
        moments = [ENDS + chance.choice((-1, 0, 1)) * SECOND for _work in works]
        answers = in_parallel([partial(attempt, at, work) for at, work in zip(moments, works, strict=True)])
        allowed = {"done", "quota_exceeded", "budget_exceeded", "package_running", "no_package", "not_an_upgrade"}
        allowed |= {"tier_too_small", "renewal_window_closed", "not_active"}
        assert set(answers) <= allowed, Counter(answers)

        with clock.at(ENDS + SECOND), tenant(enterprise.pk):
            assert_true()  # ledger = counter = contacts = budgets
            assert set(served()) == {"华南", "深圳"}
            entries = list(LedgerEntry.objects.order_by("number").values_list("number", "delta", "served_after"))
            assert [number for number, _delta, _after in entries] == list(range(1, len(entries) + 1))
            running = 0
            for _number, delta, after in entries:
                running += delta
                assert after == running
            account = services.settle(enterprise)
            assert account.served == running == Contact.objects.filter(status="active").count()
            bought = queries.packages()
            assert account.capacity == rules.capacity(True, bought, ENDS + SECOND, queries.policy())
            # No two packages that begin with the purchase's meaning run at once, and each renewal follows the last end.
            renewals = Package.objects.filter(kind="renewal").order_by("starts_at")
            assert len({one.starts_at for one in renewals}) == len(renewals)
            assert Account.objects.get().ledger_number == len(entries)
