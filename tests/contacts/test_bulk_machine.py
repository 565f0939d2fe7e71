"""C5, C1, C13, Q14: batches, merges and changes by hand in any order, and each taken back at any time.

The oracle is plain Python over what the steps did. After each step: every contact is what it says, what was previewed
is what happened, and ledger = counter = counted contacts.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from common import clock
from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact, FollowTag, Tag, TagGroup
from contacts.services import bulk, merges, relations, tags
from contacts.services.contacts import archive_contact, restore_contact
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.services import refresh_account, verify_counts
from tests import factories

CONTACTS, PLACES, TAGS, MEMBERS = 3, 2, 2, 2
which = st.integers(0, CONTACTS - 1)
several = st.sets(which, min_size=1)
tag_numbers = st.sets(st.integers(0, TAGS - 1), min_size=1)
who = st.integers(0, MEMBERS - 1)
pick = st.integers(0, 2)  # of the latest


@dataclass
class Person:
    """A contact as it should be. `worn`: tag → which tagging it is; `placed`: the job of its last change of places;
    `given`: when it changed hands, by which job."""

    status: str = "active"
    owner: int = 0
    merged_into: int | None = None
    deleted: bool = False
    worn: dict[int, int] = field(default_factory=dict)
    placed: Any = None
    given: list[tuple[datetime, Any]] = field(default_factory=list)

    @property
    def there(self) -> bool:
        return not self.deleted and self.merged_into is None


@dataclass
class Batch:
    """A job, and what was done with whom: what taking it back has to know."""

    run: JobRun
    action: str
    until: datetime
    done: dict[int, Any]
    owner: int | None = None
    undone: bool = False


@dataclass
class Merge:
    row: Any
    stays: int
    gone: int
    until: datetime
    before: tuple[str, str]
    after: str
    copied: dict[int, int]
    given: list[tuple[datetime, Any]]
    earlier: list[int]


class Batches(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = factories.NOON
        self.people = [Person() for _number in range(CONTACTS)]
        self.batches: list[Batch] = []
        self.merges: list[Merge] = []
        self.taggings = 0
        with clock.at(self.now):
            self.enterprise = factories.enterprise(verified=True)
            with tenant(self.enterprise.pk):
                self.members = [factories.member(f"员工{number}") for number in range(MEMBERS)]
                owner = factories.actor(self.enterprise, self.members[0])
                self.contacts = [factories.contact(owner) for _number in range(CONTACTS)]
                self.admin = factories.super_admin(self.enterprise)
                group = TagGroup.objects.create(name="标签")
                self.tags = [Tag.objects.create(group=group, name=f"标签{number}") for number in range(TAGS)]
                for number in range(PLACES, CONTACTS):
                    archive_contact(self.admin, contact=self.contacts[number])
                    self.people[number].status = "archived"
                factories.reset_policy({"free_unverified": PLACES, "free_verified": PLACES})
                refresh_account(self.enterprise)

    # --- How things are done ----------------------------------------------------------------------------------

    def tick(self) -> None:
        self.now += timedelta(seconds=1)

    @property
    def free(self) -> int:
        return PLACES - sum(one.there and one.status == "active" for one in self.people)

    def contact(self, number: int) -> Contact:
        return Contact.objects.get(pk=self.contacts[number].pk)

    def work(self, queue: Any) -> JobRun:
        """Ask for a job and do it."""
        with clock.at(self.now):
            with tenant(self.enterprise.pk):
                run = queue()
            ended = execute_run(self.enterprise.pk, run.pk)
        assert ended is not None
        return ended

    def refused(self, code: str, act: Any) -> None:
        with clock.at(self.now), tenant(self.enterprise.pk), pytest.raises(Refusal) as caught, transaction.atomic():
            act()
        assert caught.value.code == code

    def told(self, run: JobRun, done: int, reasons: list[str]) -> None:
        """What the job says it did."""
        counted = {reason: reasons.count(reason) for reason in reasons}
        assert (run.state, run.result["done"], run.result["reasons"]) == ("done", done, counted)

    def batch(self, action: str, chosen: set[int], decided: dict[int, str], **params: Any) -> Batch:
        """Do it to the chosen; `decided` says of each why it is left out, '' when it is not."""
        asked: dict[str, Any] = {"action": action, "ids": [self.contacts[number].pk for number in chosen]}
        asked["params"] = params
        with clock.at(self.now), tenant(self.enterprise.pk):
            seen = bulk.preview(self.admin, **asked)
        reasons = [reason for reason in decided.values() if reason]
        assert (seen.affected, seen.excluded) == (
            len(decided) - len(reasons),
            {reason: reasons.count(reason) for reason in reasons},
        )
        run = self.work(lambda: bulk.start(self.admin, **asked))
        return Batch(run, action, self.now + timedelta(days=30), {})

    def decide(self, chosen: set[int], left_out: Any) -> dict[int, str]:
        return {
            number: "not_found" if not self.people[number].there else left_out(self.people[number])
            for number in sorted(chosen)
        }

    def finish(self, batch: Batch, decided: dict[int, str], act: Any) -> None:
        """Everybody who was not left out was changed; `act` says what is to be known for taking it back."""
        batch.done = {number: act(self.people[number]) for number, reason in decided.items() if not reason}
        self.told(batch.run, len(batch.done), [reason for reason in decided.values() if reason])
        self.batches.append(batch)

    # --- Batches ----------------------------------------------------------------------------------------------

    @rule(days=st.integers(1, 16))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(chosen=several)
    def archive(self, chosen: set[int]) -> None:
        self.tick()
        left_out = {"archived": "already_archived", "lost": "lost", "active": ""}
        decided = self.decide(chosen, lambda one: left_out[one.status])
        batch = self.batch("archive", chosen, decided)
        self.finish(batch, decided, lambda one: self.placed(one, "archived", batch.run.pk))

    @rule(chosen=several, partial=st.booleans())
    def restore(self, chosen: set[int], partial: bool) -> None:
        self.tick()
        left_out = {"active": "already_active", "lost": "lost", "archived": ""}
        decided = self.decide(chosen, lambda one: left_out[one.status])
        wanted = [number for number, reason in decided.items() if not reason]
        free = self.free
        batch = self.batch("restore", chosen, decided, on_full="partial" if partial else "refuse")
        if not partial and len(wanted) > free:
            assert (batch.run.state, batch.run.error["code"]) == ("failed", "quota_exceeded")
            return
        decided |= dict.fromkeys(wanted[max(free, 0) :], "quota_exceeded")
        self.finish(batch, decided, lambda one: self.placed(one, "active", batch.run.pk))

    @staticmethod
    def placed(one: Person, status: str, job: Any) -> None:
        one.status, one.placed = status, job

    @rule(chosen=several, wanted=tag_numbers)
    def tag(self, chosen: set[int], wanted: set[int]) -> None:
        self.tick()
        decided = self.decide(chosen, lambda one: "already_tagged" if wanted <= set(one.worn) else "")
        batch = self.batch("tag", chosen, decided, tags=[str(self.tags[number].pk) for number in wanted])
        self.finish(batch, decided, lambda one: self.put_on(one, wanted))

    def put_on(self, one: Person, wanted: set[int]) -> set[int]:
        """Which taggings were made."""
        made = {}
        for number in wanted - set(one.worn):
            self.taggings += 1
            made[number] = self.taggings
        one.worn |= made
        return set(made.values())

    @rule(chosen=several, wanted=tag_numbers)
    def untag(self, chosen: set[int], wanted: set[int]) -> None:
        self.tick()
        decided = self.decide(chosen, lambda one: "" if wanted & set(one.worn) else "not_tagged")
        batch = self.batch("untag", chosen, decided, tags=[str(self.tags[number].pk) for number in wanted])

        def take_off(one: Person) -> set[int]:
            gone = wanted & set(one.worn)
            one.worn = {number: tagging for number, tagging in one.worn.items() if number not in gone}
            return gone

        self.finish(batch, decided, take_off)

    @rule(chosen=several, owner=who)
    def assign(self, chosen: set[int], owner: int) -> None:
        self.tick()
        decided = self.decide(chosen, lambda one: "same_owner" if one.owner == owner else "")
        batch = self.batch("transfer", chosen, decided, owner=str(self.members[owner].pk))
        batch.owner = owner
        self.finish(batch, decided, lambda one: self.hand_over(one, owner, batch.run.pk))

    def hand_over(self, one: Person, owner: int, job: Any) -> int:
        before, one.owner = one.owner, owner
        one.given.append((self.now, job))
        return before

    @precondition(lambda self: self.now.second % 3 == 0)  # seldom: who is deleted plays no part any more
    @rule(one=which)
    def delete(self, one: int) -> None:
        self.tick()
        decided = self.decide({one}, lambda person: "not_archived" if person.status == "active" else "")
        batch = self.batch("delete", {one}, decided, count=int(not decided[one]))

        def forget(_person: Person) -> None:
            for other in self.people:
                if other is self.people[one] or other.merged_into == one:
                    other.deleted = True

        self.finish(batch, decided, forget)

    # --- Taking a batch back ----------------------------------------------------------------------------------

    @precondition(lambda self: self.batches)
    @rule(number=pick)
    def undo_again(self, number: int) -> None:
        self.undo(number)

    @precondition(lambda self: self.batches)
    @rule(number=pick)
    def undo(self, number: int) -> None:
        self.tick()
        batch = self.batches[-1 - number % len(self.batches)]
        run = batch.run
        if batch.action == "delete" or not batch.done:
            return self.refused("not_undoable", lambda: jobs.undo(self.admin, run=run))
        if self.now >= batch.until:
            return self.refused("undo_expired", lambda: jobs.undo(self.admin, run=run))
        if batch.undone:
            return self.refused("already_undone", lambda: jobs.undo(self.admin, run=run))
        decided = self.decide(set(batch.done), lambda one: "")
        for one, reason in decided.items():
            if not reason and not self.as_left(batch, one):
                decided[one] = "changed_since"
        wanted = [one for one, reason in decided.items() if not reason]
        with clock.at(self.now), tenant(self.enterprise.pk):
            assert bulk.preview_undo(self.admin, run=run).affected == len(wanted)
        undoing = self.work(lambda: jobs.undo(self.admin, run=run))
        if batch.action == "archive" and len(wanted) > self.free:
            assert (undoing.state, undoing.error["code"]) == ("failed", "quota_exceeded")
            return None
        batch.undone = True
        self.told(undoing, len(wanted), [reason for reason in decided.values() if reason])
        for one in wanted:
            self.take_back(batch, one, undoing.pk)
        return None

    def as_left(self, batch: Batch, number: int) -> bool:
        one, kept = self.people[number], batch.done[number]
        match batch.action:
            case "archive":
                return (one.status, one.placed) == ("archived", batch.run.pk)
            case "restore":
                return (one.status, one.placed) == ("active", batch.run.pk)
            case "tag":
                return bool(kept & self.all_taggings())
            case "untag":
                return bool(kept - set(one.worn))
            case _:
                return one.owner == batch.owner and max(one.given)[1] == batch.run.pk

    def all_taggings(self) -> set[int]:
        return {tagging for one in self.people if not one.deleted for tagging in one.worn.values()}

    def take_back(self, batch: Batch, number: int, job: Any) -> None:
        one, kept = self.people[number], batch.done[number]
        match batch.action:
            case "archive":
                self.placed(one, "active", job)
            case "restore":
                self.placed(one, "archived", job)
            case "tag":
                one.worn = {tag: tagging for tag, tagging in one.worn.items() if tagging not in kept}
            case "untag":
                self.put_on(one, kept)
            case _:
                self.hand_over(one, kept, job)

    # --- By hand ----------------------------------------------------------------------------------------------

    @rule(chosen=several, archive=st.booleans())
    def by_hand_status(self, chosen: set[int], archive: bool) -> None:
        for number in sorted(chosen):
            self.one_status(number, archive)

    @precondition(lambda self: self.batches)
    @rule(number=pick, chosen=several)
    def there_and_back(self, number: int, chosen: set[int]) -> None:
        """What looks as a batch left it, and is not; then the batch is taken back."""
        for one in chosen & set(self.batches[-1 - number % len(self.batches)].done):
            person = self.people[one]
            self.one_owner(one, owner := (person.owner + 1) % MEMBERS)
            self.one_owner(one, (owner + 1) % MEMBERS)
            self.one_status(one, archive := person.status == "active")
            self.one_status(one, not archive)
        self.undo(number)

    @rule(chosen=several, owner=who)
    def by_hand_owner(self, chosen: set[int], owner: int) -> None:
        for number in sorted(chosen):
            self.one_owner(number, owner)

    def one_status(self, number: int, archive: bool) -> None:
        self.tick()
        one = self.people[number]
        if not one.there or one.status != ("active" if archive else "archived"):
            return None
        act = archive_contact if archive else restore_contact
        if not archive and self.free < 1:
            return self.refused("quota_exceeded", lambda: act(self.admin, contact=self.contact(number)))
        with clock.at(self.now), tenant(self.enterprise.pk):
            act(self.admin, contact=self.contact(number))
        self.placed(one, "archived" if archive else "active", None)
        return None

    def one_owner(self, number: int, owner: int) -> None:
        self.tick()
        one = self.people[number]
        if not one.there or one.owner == owner:
            return
        with clock.at(self.now), tenant(self.enterprise.pk):
            relations.change_owner(self.admin, contact=self.contact(number), owner=self.members[owner])
        self.hand_over(one, owner, self.now)

    @rule(number=which, wanted=tag_numbers, put=st.booleans())
    def one_tag(self, number: int, wanted: set[int], put: bool) -> None:
        self.tick()
        one = self.people[number]
        if not one.there:
            return
        with clock.at(self.now), tenant(self.enterprise.pk):
            meant = [self.tags[tag] for tag in wanted]
            asked = {"add": meant} if put else {"remove": meant}
            tags.tag_contact(self.admin, contact=self.contact(number), **asked)
        if put:
            self.put_on(one, wanted)
        else:
            one.worn = {tag: tagging for tag, tagging in one.worn.items() if tag not in wanted}

    # --- Merges -----------------------------------------------------------------------------------------------

    @rule(stays=which, gone=which)
    def merge(self, stays: int, gone: int) -> None:
        self.tick()
        one, other = self.people[stays], self.people[gone]
        if stays == gone or not one.there or not other.there:
            return
        with clock.at(self.now), tenant(self.enterprise.pk):
            row = merges.merge(self.admin, contact=self.contact(stays), gone=self.contact(gone))
        before = (one.status, other.status)
        after = "active" if "active" in before else "archived"
        if other.status == "active":
            other.placed = None
        if other.status == "active" and one.status != "active":
            one.placed = None
        one.status, other.merged_into = after, stays
        copied = {}
        for tag in set(other.worn) - set(one.worn):
            self.taggings += 1
            copied[tag] = self.taggings
        one.worn |= copied
        twins = {job for _at, job in one.given}
        moved = [entry for entry in other.given if entry[1] not in twins]
        one.given += moved
        other.given = [entry for entry in other.given if entry not in moved]
        earlier = [number for number, person in enumerate(self.people) if person.merged_into == gone]
        for number in earlier:
            self.people[number].merged_into = stays
        self.merges.append(
            Merge(row, stays, gone, self.now + timedelta(days=30), before, after, copied, moved, earlier)
        )

    @precondition(lambda self: self.merges)
    @rule(number=pick)
    def undo_merge(self, number: int) -> None:
        self.tick()
        made = self.merges[-1 - number % len(self.merges)]
        one, other = self.people[made.stays], self.people[made.gone]
        if not one.there or other.deleted:
            return None

        def act() -> None:
            merges.undo(self.admin, merge=made.row)

        if other.merged_into != made.stays or made.row.undone_at is not None:
            return self.refused("already_undone", act)
        if self.now >= made.until:
            return self.refused("undo_expired", act)
        back = made.before[0] if one.status == made.after else one.status
        gives_up = one.status == "active" and back != "active"
        if made.before[1] == "active" and not gives_up and self.free < 1:
            return self.refused("quota_exceeded", act)
        with clock.at(self.now), tenant(self.enterprise.pk):
            act()
            made.row.refresh_from_db()
        if gives_up:
            one.placed = None
        if made.before[1] == "active":
            other.placed = None
        one.status, other.status, other.merged_into = back, made.before[1], None
        one.worn = {tag: tagging for tag, tagging in one.worn.items() if tagging not in made.copied.values()}
        moved = [entry for entry in one.given if entry in made.given]
        one.given = [entry for entry in one.given if entry not in moved]
        other.given += moved
        for earlier in made.earlier:
            if self.people[earlier].merged_into == made.stays:
                self.people[earlier].merged_into = made.gone
        return None

    # --- What always holds ------------------------------------------------------------------------------------

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        with clock.at(self.now), tenant(self.enterprise.pk):
            counted = verify_counts()
            assert counted["ok"], counted
            assert counted["counter"] == PLACES - self.free
            found = {contact.pk: contact for contact in Contact.objects.filter(merged_into=None)}
            worn: dict[Any, set[Any]] = {pk: set() for pk in found}
            for contact, tag in FollowTag.objects.filter(contact__in=found).values_list("contact", "tag"):
                worn[contact].add(tag)
        owners = [member.pk for member in self.members]
        kept = {self.contacts[number].pk: one for number, one in enumerate(self.people) if one.there}
        assert set(found) == set(kept)
        for pk, one in kept.items():
            contact = found[pk]
            assert (contact.status, contact.owner_id) == (one.status, owners[one.owner])
            assert (contact.archived_at is not None) == (one.status == "archived")
            assert contact.lost_at is None
            assert worn[pk] == {self.tags[tag].pk for tag in one.worn}


@pytest.mark.django_db
def test_c5_c1_c13_whatever_happens_in_between_is_told_and_places_add_up():
    run_state_machine_as_test(
        Batches,
        settings=settings(
            max_examples=6,
            stateful_step_count=40,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
