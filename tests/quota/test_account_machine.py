"""The account against a slow oracle: any sequence of purchases, admissions, facts and moves of the clock.

The oracle knows nothing of windows, counters or locks: it keeps lists and counts them anew after every step.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from common import clock
from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.contacts import add_contact, archive_contact, restore_contact
from contacts.services.relations import change_owner
from enterprises.models import Department
from enterprises.services import set_verified, update_policy
from enterprises.services.members import update_member
from quota import ledger, queries, services
from quota.models import Account, Budget, LedgerEntry, Package, TierPrice
from quota.rules import Action
from tests import factories

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2027, 12, 1, 9, tzinfo=SHANGHAI)  # a year and a leap day ahead
TIERS = (6, 9, 14)
UNVERIFIED = 2


def a_year_later(moment: datetime) -> datetime:
    """The same calendar day a year later; 1 March when there is none (Q4)."""
    local = moment.astimezone(SHANGHAI)
    day, month = (1, 3) if (local.day, local.month) == (29, 2) else (local.day, local.month)
    return datetime(local.year + 1, month, day, local.hour, local.minute, local.second, tzinfo=SHANGHAI)


class AccountMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.free = 4
        self.verified = True
        self.packages: list[tuple[int, datetime, datetime]] = []
        self.contacts: dict[str, str] = {}
        self.ledger: list[tuple[int, int, str]] = []
        with clock.at(self.now):
            self.enterprise = factories.enterprise()
            with tenant(self.enterprise.pk):
                self.actor = factories.super_admin(self.enterprise)
                update_policy(self.actor, values={"free_verified": self.free, "free_unverified": UNVERIFIED})
                self.team = Department.objects.create(name="小组")
                self.member = factories.member(department=self.team)
        self.budget: int | None = None
        self.in_team = True
        self.owned: set[str] = set()  # whose owner is the member

    # --- The oracle -------------------------------------------------------------------------------------------

    def in_status(self, status: str) -> list[str]:
        return sorted(key for key, found in self.contacts.items() if found == status)

    @property
    def served(self) -> int:
        return len(self.in_status("active"))

    @property
    def running(self) -> list[tuple[int, datetime, datetime]]:
        return [package for package in self.packages if package[1] <= self.now < package[2]]

    @property
    def capacity(self) -> int:
        if not self.verified:
            return UNVERIFIED
        return max([self.free] + [tier for tier, _start, _end in self.running])

    @property
    def team_served(self) -> int:
        """What the budget counts: the member's active contacts, while the member works in the team."""
        return sum(self.contacts[key] == "active" for key in self.owned) if self.in_team else 0

    @property
    def team_full(self) -> bool:
        return self.in_team and self.budget is not None and self.team_served >= self.budget

    def expected_purchase(self, kind: str, tier: int) -> tuple[datetime, datetime] | str:
        ends = [end for _tier, _start, end in self.packages if end > self.now]
        best = max(self.running, key=lambda package: (package[0], package[2]), default=None)
        if kind == "purchase":
            if best:
                return "package_running"
            interval = (self.now, a_year_later(self.now))
        elif kind == "upgrade":
            if not best:
                return "no_package"
            if tier <= best[0]:
                return "not_an_upgrade"
            interval = (self.now, best[2])
        else:
            if not ends:
                return "no_package"
            if self.now < max(ends) - timedelta(days=90):
                return "renewal_window_closed"
            interval = (max(ends), a_year_later(max(ends)))
        return "tier_too_small" if tier <= self.served else interval

    def note(self, key: str, status: str, delta: int, reason: str) -> None:
        self.contacts[key] = status
        self.ledger.append((delta, self.served, reason))

    # --- Steps ------------------------------------------------------------------------------------------------

    def do(self, work):
        """Do it in a transaction of its own; returns the code of a refusal, else None."""
        try:
            with clock.at(self.now), tenant(self.enterprise.pk):
                work()
        except Refusal as refusal:
            return refusal.code
        return None

    @rule(kind=st.sampled_from(["purchase", "renewal", "upgrade"]), tier=st.sampled_from(TIERS))
    def buy(self, kind: str, tier: int) -> None:
        self.bought(kind, tier)

    @rule(tier=st.sampled_from(TIERS))
    def buy_what_is_possible(self, tier: int) -> None:
        """Refusals come by themselves; packages that follow each other must be helped along."""
        if self.running:
            self.now = max(end for _tier, _start, end in self.packages) - timedelta(days=30)
        self.bought("renewal" if self.running else "purchase", tier)

    def bought(self, kind: str, tier: int) -> None:
        expected = self.expected_purchase(kind, tier)
        refused = self.do(lambda: services.buy_package(self.actor, tier=tier, kind=kind))
        assert refused == (expected if isinstance(expected, str) else None)
        if refused is None:
            self.packages.append((tier, *expected))

    @rule(number=st.integers(0, 12))
    def add(self, number: int) -> None:
        self.add_one(f"wm{number}")

    def add_one(self, key: str) -> None:
        status = self.contacts.get(key)
        expected = None
        if status == "archived":
            expected = "contact_archived"
        elif status != "active" and self.served >= self.capacity:
            expected = "quota_exceeded"
        assert self.do(lambda: add_contact(self.actor, external_userid=key, name=key)) == expected
        if expected is None and status != "active":
            self.note(key, "active", +1, "added" if status is None else "returned")

    @precondition(lambda self: self.in_status("active"))
    @rule(data=st.data())
    def archive(self, data) -> None:
        key = data.draw(st.sampled_from(self.in_status("active")))
        self.do(lambda: archive_contact(self.actor, contact=Contact.objects.get(external_userid=key)))
        self.note(key, "archived", -1, "archived")

    @precondition(lambda self: self.in_status("archived"))
    @rule(data=st.data())
    def restore(self, data) -> None:
        key = data.draw(st.sampled_from(self.in_status("archived")))
        expected = "quota_exceeded" if self.served >= self.capacity else None
        if expected is None and key in self.owned and self.team_full:
            expected = "budget_exceeded"
        contact = lambda: Contact.objects.get(external_userid=key)
        assert self.do(lambda: restore_contact(self.actor, contact=contact())) == expected
        if expected is None:
            self.note(key, "active", +1, "restored")

    @rule()
    def add_to_the_team(self) -> None:
        """Q12: both must have room; the scale is asked first."""
        key = f"team{len(self.contacts)}"
        expected = "quota_exceeded" if self.served >= self.capacity else "budget_exceeded" if self.team_full else None
        added = lambda: add_contact(self.actor, external_userid=key, name=key, follower=self.member)
        assert self.do(added) == expected
        if expected is None:
            self.owned.add(key)
            self.note(key, "active", +1, "added")

    @rule(places=st.integers(0, 15))
    def set_the_budget(self, places: int) -> None:
        """Never more than the scale, except that what is too much already may shrink."""

        def work() -> None:
            if self.budget is None:
                services.create_budget(self.actor, department=self.team, places=places)
            else:
                services.resize_budget(self.actor, budget=Budget.objects.get(), places=places)

        too_large = places > (self.budget or 0) and places > self.capacity
        assert self.do(work) == ("budget_too_large" if too_large else None)
        if not too_large:
            self.budget = places

    @precondition(lambda self: self.budget is not None)
    @rule()
    def remove_the_budget(self) -> None:
        assert self.do(lambda: services.remove_budget(self.actor, budget=Budget.objects.get())) is None
        self.budget = None

    @rule()
    def the_member_leaves_the_team_or_comes_back(self) -> None:
        department = None if self.in_team else self.team
        work = lambda: update_member(self.actor, member=self.member, changes={"department": department})
        assert self.do(work) is None
        self.in_team = not self.in_team

    @precondition(lambda self: self.contacts)
    @rule(data=st.data())
    def another_owner(self, data) -> None:
        """The place moves from or to the team; a full team refuses it, if it takes a place at all."""
        key = data.draw(st.sampled_from(sorted(self.contacts)))
        to_team = key not in self.owned
        owner = self.member if to_team else self.actor.member
        refused = to_team and self.contacts[key] == "active" and self.team_full
        work = lambda: change_owner(self.actor, contact=Contact.objects.get(external_userid=key), owner=owner)
        assert self.do(work) == ("budget_exceeded" if refused else None)
        if not refused:
            self.owned ^= {key}

    @rule(wanted=st.integers(1, 4))
    def import_as_many_as_fit(self, wanted: int) -> None:
        self.import_some(wanted)

    def import_some(self, wanted: int) -> None:
        keys = [f"import{len(self.contacts)}-{number}" for number in range(wanted)]
        fits = max(0, min(wanted, self.capacity - self.served))

        def work() -> None:
            granted = services.reserve_up_to(
                self.actor, wanted, claimants=lambda: [services.Claimant(None)] * wanted
            ).count
            assert granted == fits
            self.make(keys[:granted])
            services.write_ledger_from(
                self.actor,
                source="SELECT id, name FROM contacts_contact WHERE external_userid = ANY(%(keys)s) ORDER BY id",
                params={"keys": keys},
                count=granted,
                reason="imported",
                delta=+1,
            )

        assert self.do(work) is None
        for key in keys[:fits]:
            self.note(key, "active", +1, "imported")

    @rule(number=st.integers(1, 2))
    def wecom_reports(self, number: int) -> None:
        """Q11: what has happened is recorded, whatever the capacity."""
        keys = [f"fact{len(self.contacts)}-{nth}" for nth in range(number)]

        def work() -> None:
            places = [services.Place(contact.pk, contact.name) for contact in self.make(keys)]
            services.record_facts(self.actor, places=places, reason="reported")

        assert self.do(work) is None
        for key in keys:
            self.note(key, "active", +1, "reported")

    @rule(verified=st.sampled_from([True, True, True, False]))
    def verify(self, verified: bool) -> None:
        def work() -> None:
            self.enterprise.refresh_from_db()
            set_verified(self.actor, enterprise=self.enterprise, verified=verified)
            self.enterprise.verified = not verified  # an actor's enterprise may be stale: nothing may trust it

        self.do(work)
        self.verified = verified

    @rule(free=st.integers(2, 4))
    def change_policy(self, free: int) -> None:
        self.do(lambda: update_policy(self.actor, values={"free_verified": free}))
        self.free = free

    @rule(days=st.sampled_from([1, 40, 89, 90, 200, 366]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @precondition(lambda self: self.packages)
    @rule(wanted=st.integers(1, 14))
    def the_scale_is_filled_when_the_package_ends(self, wanted: int) -> None:
        """Admissions just before and just after the boundary, with no job in between."""
        end = max(end for _tier, _start, end in self.packages)
        self.now = end - timedelta(seconds=1)
        self.import_some(wanted)
        self.now = end
        self.add_one(f"late{len(self.contacts)}")

    @precondition(lambda self: self.packages)
    @rule(data=st.data(), second=st.sampled_from([-1, 0, 1]))
    def time_comes_to_a_boundary(self, data, second: int) -> None:
        """Also backwards: clocks of machines differ, and nothing may depend on who looked first."""
        edges = sorted({edge for package in self.packages for edge in package[1:]})
        self.now = data.draw(st.sampled_from(edges)) + timedelta(seconds=second)

    @rule()
    def expire(self) -> None:
        """Q7, X6: only records; capacity is none of its business."""
        self.do(lambda: services.record_expiry(self.actor))
        with tenant(self.enterprise.pk):
            assert not Package.objects.filter(ends_at__lte=self.now, expired_at=None).exists()

    def make(self, keys: list[str]) -> list[Contact]:
        return Contact.objects.bulk_create(
            Contact(external_userid=key, name=key, added_at=self.now, last_contact_at=self.now) for key in keys
        )

    # --- What must hold after every step ------------------------------------------------------------------------

    @invariant()
    def agrees_with_the_oracle(self) -> None:
        with clock.at(self.now), tenant(self.enterprise.pk):
            view = queries.overview(self.enterprise)
            assert (view.position.served, view.position.capacity) == (self.served, self.capacity)
            state = "over" if self.served > self.capacity else "below"
            assert view.position.state == ("at_capacity" if self.served == self.capacity else state)
            assert view.decisions[Action.ADD_CONTACT].allowed == (self.served < self.capacity)
            assert view.decisions[Action.MASS_SEND].allowed == (self.served <= self.capacity)
            assert services.verify_counts() == {
                "ledger": self.served,
                "counter": self.served,
                "contacts": self.served,
                "ok": True,
            }
            assert dict(Budget.objects.values_list("places", "served")) == (
                {} if self.budget is None else {self.budget: self.team_served}
            )
            written = LedgerEntry.objects.order_by("number").values_list("delta", "served_after", "reason")
            assert list(written) == self.ledger
            account = Account.objects.get()
            assert account.ledger_number == len(self.ledger)
            assert account.capacity == self.capacity or not account.holds(self.now)


@pytest.mark.django_db
def test_q3_q5_q6_q7_q10_q11_q12_q14_the_account_is_what_a_slow_count_says():
    TierPrice.objects.all().delete()
    TierPrice.objects.bulk_create(
        TierPrice(tier=tier, price=tier * 100, effective_from=datetime(2010, 1, 1, tzinfo=UTC)) for tier in TIERS
    )
    run_state_machine_as_test(
        AccountMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            derandomize=True,
            phases=[Phase.generate],  # the steps as found are short enough; shrinking would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_q14_served_by_day_is_the_last_entry_of_each_local_day(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        midnight = datetime(2027, 3, 2, tzinfo=SHANGHAI)
        second = timedelta(seconds=1)
        for moment in (midnight - second, midnight, midnight + second):
            with clock.at(moment):
                factories.contact(actor)
        with clock.at(midnight + timedelta(days=2)):
            archive_contact(actor, contact=Contact.objects.order_by("id").first())
        counted = ledger.served_by_day(5, midnight + timedelta(days=2), SHANGHAI)
        assert [(str(day), served) for day, served in counted] == [
            ("2027-02-28", 0),
            ("2027-03-01", 1),
            ("2027-03-02", 3),
            ("2027-03-03", 3),
            ("2027-03-04", 2),
        ]
