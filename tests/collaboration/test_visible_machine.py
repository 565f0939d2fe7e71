"""O2, O4-O7: visible = what the rule says, after any sequence of grants, moves, resignations, hand-overs and time.

The oracle is plain Python over what the steps did: no query, no set operation of the product's.
"""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from collaboration.models import Invitation, Transfer, TransferItem
from collaboration.queries.reach import reach
from collaboration.rules.transfers import State
from collaboration.services import grants, transfers
from common import clock, paging
from common.errors import Refusal
from common.tenancy import tenant
from contacts import access, sight
from contacts.models import Contact
from contacts.queries import viewers
from contacts.services import relations
from enterprises.actors import Actor
from enterprises.models import Department, Member
from enterprises.services import GRADED_ADMIN, STAFF, builtin_role, departments, members
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.collaboration.orders import Orders

STAFF_COUNT, CONTACTS = 4, 3
DEPARTMENTS = ("华东", "上海", "华南", "深圳")
person = st.integers(0, STAFF_COUNT - 1)
place = st.sampled_from(DEPARTMENTS)
customer = st.integers(0, CONTACTS - 1)
customers = st.sets(customer, min_size=1)
level = st.sampled_from(["viewer", "editor"])


def in_every_way(actor: Any) -> list[set[Any]]:
    """Whom lists show to somebody who sees few, and who sees many: by date, gathered, by looking at each."""

    def listed(ordering: str) -> set[Any]:
        asked = sight.Sight(actor, lambda rows: rows)
        page = paging.keyset(Contact.objects.all(), ordering=ordering, size=CONTACTS, ways=asked.ways)
        return {contact.pk for contact in page.rows}

    found = [listed("-added_at"), listed("added_at"), listed("name")]
    with patch.object(sight, "FEW", -1):
        for selective in (1_000_000, -1):
            with patch.object(sight, "VERY_SELECTIVE", selective):
                looked_at = sight.Sight(actor, lambda rows: rows).looked_at
                found += [listed("name"), set(looked_at.values_list("pk", flat=True))]
    return found


class Visibility(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = factories.NOON
        self.told = ""
        self.parents: dict[str, str | None] = dict.fromkeys(DEPARTMENTS)
        with clock.at(self.now):
            self.enterprise = factories.enterprise()
            with tenant(self.enterprise.pk):
                self.departments = {name: Department.objects.create(name=name) for name in DEPARTMENTS}
                self.people = [
                    factories.member(f"员工{n}", department=self.departments["华东"]) for n in range(STAFF_COUNT)
                ]
                owner = factories.actor(self.enterprise, self.people[0])
                self.contacts = [factories.contact(owner) for _number in range(CONTACTS)]
        self.member: list[dict[str, Any]] = [
            {"department": "华东", "graded": False, "ranges": set(), "status": "active"} for _each in self.people
        ]
        self.owner = [0] * CONTACTS
        self.follows: list[dict[int, str]] = [{0: "active"} for _each in self.contacts]
        self.granted: list[dict[int, tuple[str, Any]]] = [{} for _each in self.contacts]
        self.orders = Orders(self)
        self.transfers: list[Any] = []  # the ids, in the order of self.orders.all

    # --- The oracle -------------------------------------------------------------------------------------------

    def manages(self, who: int, department: str | None) -> bool:
        while department is not None:
            if department in self.member[who]["ranges"]:
                return True
            department = self.parents[department]
        return False

    def levels(self, who: int, which: int) -> set[str]:
        """What somebody is to a contact; nothing means that it does not exist for them."""
        if self.member[who]["graded"]:
            return {"admin"} if self.manages(who, self.member[self.owner[which]]["department"]) else set()
        if self.owner[which] == who:
            return {"owner"}
        found = set()
        match self.follows[which].get(who):
            case "active":
                found.add("follower")
            case "contact":
                found.add("viewer")
        if who in self.granted[which]:
            given, until = self.granted[which][who]
            if until is None or self.now < until:
                found.add(given)
        return found

    def reasons(self, who: int, which: int) -> set[str]:
        """Why somebody sees a contact."""
        if self.member[who]["graded"]:
            found = {"range"}
        else:
            found = set()
        if self.owner[which] == who:
            found.add("owner")
        if self.follows[which].get(who) in ("active", "contact"):
            found.add("follower")
        if who in self.granted[which]:
            _level, until = self.granted[which][who]
            if until is None or self.now < until:
                found.add("collaborator")
        return found

    # --- Steps ------------------------------------------------------------------------------------------------

    def do(self, work, who: int | None = None) -> bool:
        """Do it as the super admin, or as `who`, in a transaction of its own; was it done?"""
        try:
            with clock.at(self.now), tenant(self.enterprise.pk):
                admin = who is None
                work(factories.super_admin(self.enterprise) if admin else self.acting(who))
        except Refusal:
            return False
        return True

    def present(self, who: int) -> Member:
        return Member.objects.select_related("role").get(pk=self.people[who].pk)

    def acting(self, who: int) -> Actor:
        return factories.acting(self.enterprise, self.present(who))

    def contact(self, which: int) -> Contact:
        return Contact.objects.get(pk=self.contacts[which].pk)

    @rule(which=customer, who=person, level=level, days=st.sampled_from([None, 1, 3]))
    def collaborate(self, which, who, level, days) -> None:
        until = None if days is None else self.now + timedelta(days=days)

        def work(admin):
            grants.invite(admin, contact=self.contact(which), member=self.present(who), level=level, expires_at=until)
            invitation = Invitation.objects.get(member=self.people[who], contact=self.contacts[which])
            grants.accept(factories.actor(self.enterprise, self.people[who]), invitation=invitation)

        if self.do(work):
            self.granted[which][who] = (level, until)

    @rule(which=customer, who=person, level=level)
    def change(self, which, who, level) -> None:
        changes = {"level": level, "expires_at": None}
        if self.do(
            lambda admin: grants.change(admin, contact=self.contact(which), member=self.present(who), changes=changes)
        ):
            self.granted[which][who] = (level, None)

    @rule(which=customer, who=person)
    def remove(self, which, who) -> None:
        if self.do(lambda admin: grants.remove(admin, contact=self.contact(which), member=self.present(who))):
            del self.granted[which][who]

    @rule(hours=st.sampled_from([1, 23, 24, 72, 24 * 90]))
    def wait(self, hours) -> None:
        self.now += timedelta(hours=hours)

    @rule(which=customer, who=person)
    def give(self, which, who) -> None:
        if self.do(lambda admin: relations.change_owner(admin, contact=self.contact(which), owner=self.present(who))):
            self.owner[which] = who

    @rule(which=customer, who=person)
    def follow(self, which, who) -> None:
        if self.do(lambda admin: relations.add_follow(admin, contact=self.contact(which), member=self.present(who))):
            self.follows[which][who] = "active"

    @rule(which=customer, who=person, by=st.sampled_from(["contact", "member"]))
    def unfollow(self, which, who, by) -> None:
        if self.do(
            lambda admin: relations.end_follow(admin, contact=self.contact(which), member=self.present(who), by=by)
        ):
            ended = self.follows[which].get(who) != "active"
            self.follows[which][who] = "member" if ended else by  # the other side as well: nothing is left to read

    @rule(who=person, to=place)
    def move_member(self, who, to) -> None:
        changes = {"department": self.departments[to]}
        if self.do(lambda admin: members.update_member(admin, member=self.present(who), changes=changes)):
            self.member[who]["department"] = to

    @rule(which=place, below=st.one_of(st.none(), place))
    def move_department(self, which, below) -> None:
        parent = self.departments[below] if below else None
        if self.do(
            lambda admin: departments.update_department(
                admin, department=self.departments[which], changes={"parent": parent}
            )
        ):
            self.parents[which] = below

    @rule(who=person, ranges=st.sets(place, max_size=2))
    def promote(self, who, ranges) -> None:
        given = [self.departments[name] for name in sorted(ranges)]
        changes = {"role": None, "ranges": given}

        def work(admin):
            changes["role"] = builtin_role(GRADED_ADMIN)
            members.update_member(admin, member=self.present(who), changes=changes)

        if self.do(work):
            self.member[who] |= {"graded": True, "ranges": set(ranges)}

    @rule(who=person)
    def demote(self, who) -> None:
        def work(admin):
            members.update_member(admin, member=self.present(who), changes={"role": builtin_role(STAFF)})

        if self.do(work):
            self.member[who] |= {"graded": False, "ranges": set()}

    @rule(who=person)
    def resign(self, who) -> None:
        if self.do(lambda admin: members.resign_member(admin, member=self.present(who))):
            self.member[who] |= {"status": "resigned", "ranges": set()}
            for granted in self.granted:
                granted.pop(who, None)

    @rule(who=person)
    def disable(self, who) -> None:
        if self.do(lambda admin: members.disable_member(admin, member=self.present(who))):
            self.member[who]["status"] = "disabled"

    @rule(who=person)
    def enable(self, who) -> None:
        if self.do(lambda admin: members.enable_member(admin, member=self.present(who))):
            self.member[who]["status"] = "active"

    # --- Hand-overs -------------------------------------------------------------------------------------------

    def carry_out(self) -> None:
        """The jobs that wait."""
        with clock.at(self.now):
            with tenant(self.enterprise.pk):
                queued = list(JobRun.objects.filter(state="queued").order_by("id").values_list("pk", flat=True))
            for run in queued:
                assert execute_run(self.enterprise.pk, run).state == "done"

    @rule(who=person, to=person, chosen=customers)
    def hand_over(self, who, to, chosen) -> None:
        """On the job; or inherited, when the member has left."""
        plan = {"parts": [{"takers": [str(self.people[to].pk)]}]}

        def work(admin):
            ids = [self.contacts[which].pk for which in sorted(chosen)]
            self.transfers.append(transfers.order(admin, member=self.present(who), plan=plan, ids=ids).pk)

        kind = "resigned" if self.member[who]["status"] == "resigned" else "on_job"
        possible = who != to and self.member[to]["status"] == "active"
        theirs = {which: who for which in sorted(chosen) if self.orders.theirs(who, which)}
        ordered = possible and self.orders.order(kind, theirs, to) is not None
        assert self.do(work) == ordered
        self.carry_out()

    @rule(who=person, to=person, chosen=customers)
    def hand_over_what_one_owns(self, who, to, chosen) -> None:
        """Staff: of the chosen contacts those that they own, to a colleague."""
        if self.member[who]["graded"] or self.member[who]["status"] != "active":
            return

        def work(owner):
            plan = {"parts": [{"takers": [str(self.people[to].pk)]}]}
            ids = [self.contacts[which].pk for which in sorted(chosen)]
            self.transfers.append(transfers.order(owner, plan=plan, ids=ids).pk)

        possible = who != to and self.member[to]["status"] == "active"
        own = {which: who for which in sorted(chosen) if self.owner[which] == who}
        ordered = possible and self.orders.order("on_job", own, to) is not None
        assert self.do(work, who) == ordered
        self.carry_out()

    @rule(which=customer)
    def decline(self, which) -> None:
        """The contact, wherever it is on its way."""
        for order, pk in zip(self.orders.all, self.transfers, strict=True):

            def work(admin, pk=pk):
                item = TransferItem.objects.get(transfer=pk, contact=self.contacts[which])
                transfer = Transfer.objects.get(pk=pk)
                transfers.report_results(admin, transfer=transfer, results=[transfers.Result(item.pk, State.REFUSED)])

            if self.orders.decline(order, which):
                assert self.do(work)

    @rule()
    def settle(self) -> None:
        self.orders.settle()
        assert self.do(lambda admin: transfers.settle_due(admin))

    @rule(to=st.one_of(st.none(), person))
    def try_again(self, to) -> None:
        """The latest hand-over; to somebody else, perhaps."""
        if not self.transfers:
            return
        order, pk = self.orders.all[-1], self.transfers[-1]
        giver = next(iter(order.items.values())).giver
        possible = to is None or (to != giver and self.member[to]["status"] == "active")
        taker = None if to is None else self.people[to]

        def work(admin):
            taker = None if to is None else self.present(to)
            transfers.try_again(admin, transfer=Transfer.objects.get(pk=pk), taker=taker)

        assert self.do(work) == (possible and self.orders.again(order, to)), taker
        self.carry_out()

    @rule(who=person, to=person, which=customer)
    def hand_over_and_let_pass(self, who, to, which) -> None:
        """From order to end, so that it often comes to that."""
        self.hand_over(who, to, {which})
        self.now += timedelta(hours=24)
        self.settle()

    # --- What must hold -----------------------------------------------------------------------------------------

    @invariant()
    def items_are_where_the_rule_says(self) -> None:
        with tenant(self.enterprise.pk):
            states = TransferItem.objects.values_list("transfer_id", "contact_id", "state")
            assert {(transfer, contact): state for transfer, contact, state in states} == {
                (pk, self.contacts[which].pk): item.state
                for order, pk in zip(self.orders.all, self.transfers, strict=True)
                for which, item in order.items.items()
            }

    @invariant()
    def visible_is_what_the_rule_says(self) -> None:
        with clock.at(self.now), tenant(self.enterprise.pk):
            known = Contact.objects.in_bulk([contact.pk for contact in self.contacts])
            everything = [known[contact.pk] for contact in self.contacts]
            sees: dict[int, set[int]] = {}
            for who, member in enumerate(self.people):
                actor = factories.actor(self.enterprise, member)
                found = set(Contact.objects.visible_to(actor).values_list("pk", flat=True))
                assert all(one == found for one in in_every_way(actor)), who
                sees[who] = {which for which, contact in enumerate(everything) if contact.pk in found}
                assert sees[who] == {which for which in range(CONTACTS) if self.levels(who, which)}, who
                for which, contact in enumerate(everything):
                    held = {one.value for one in access.levels(actor, contact)}
                    assert held == self.levels(who, which), (who, which)
            state = repr((self.now, self.parents, self.member, self.owner, self.follows, self.granted))
            if state != self.told:  # a step that was refused changes nothing, and nothing of what is told
                self.told = state
                self.told_as_it_is(everything, sees)

    def told_as_it_is(self, everything: list[Contact], sees: dict[int, set[int]]) -> None:
        """Who sees a contact and what somebody sees tell what is so."""
        admin = factories.super_admin(self.enterprise)
        for which, contact in enumerate(everything):
            told = {viewer.member.pk: {str(one) for one in viewer.rules} for viewer in viewers(contact)}
            told.pop(admin.member_id)
            assert told == {
                self.people[who].pk: self.reasons(who, which)
                for who in range(STAFF_COUNT)
                if self.member[who]["status"] == "active" and which in sees[who]
            }
        for who, member in enumerate(self.people):
            counted = {str(one): count.value for one, count in reach(admin, self.present(who)).rules}
            wanted: dict[str, int] = dict.fromkeys(counted, 0)
            for which in sees[who]:
                for one in self.reasons(who, which) & set(counted):
                    wanted[one] += 1
            assert counted == wanted, member


@pytest.mark.django_db
def test_o4_o5_visible_is_what_the_rule_says_whatever_happens():
    run_state_machine_as_test(
        Visibility,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
