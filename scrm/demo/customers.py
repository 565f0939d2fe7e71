"""Made-up customers: what they are like decides what they buy and say, and when they fall silent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

CONTACT_COLUMNS = ("客户ID", "姓名", "类型", "备注", "公司", "手机", "负责人", "添加时间", "标签")
PURCHASE_COLUMNS = ("客户ID", "订单号", "支付时间", "金额")
INTERACTION_COLUMNS = ("客户ID", "类型", "时间", "成员", "编号")


@dataclass(frozen=True)
class Habit:
    """How a kind of customer behaves. Rates are per year; `spend` is CNY an order, about."""

    share: float
    orders: float
    spend: float
    talks: float
    falls_silent: float


@dataclass
class Customer:
    """Somebody who is added at a moment, and lives on until they fall silent."""

    external_userid: str
    name: str
    owner: str
    added_at: datetime
    habit: Habit
    kind: str = ""
    remark: str = ""
    company: str = ""
    phone: str = ""
    tags: Sequence[str] = ()
    silent_from: datetime | None = None
    lost: bool = False
    purchases: list[tuple[datetime, str]] = field(default_factory=list)
    interactions: list[tuple[datetime, str]] = field(default_factory=list)

    def faithful(self, moment: datetime) -> bool:
        """Is the customer in the system by then, does talk, and will neither fall silent nor leave?"""
        known = self.added_at < moment - timedelta(days=15)  # lists of new customers come fortnightly
        return known and bool(self.interactions) and self.silent_from is None and not self.lost

    def row(self) -> tuple[str, ...]:
        """As a line of an import file."""
        added = f"{self.added_at:%Y-%m-%d %H:%M:%S}"
        tags = ";".join(self.tags)
        return (
            self.external_userid, self.name, self.kind, self.remark, self.company, self.phone, self.owner, added, tags
        )  # fmt: skip


def habit(random: Random, habits: Sequence[Habit]) -> Habit:
    """One of the habits, as often as its share says."""
    return random.choices(habits, [each.share for each in habits])[0]


def live(random: Random, customer: Customer, end: datetime) -> None:
    """Fill in what the customer buys and says until `end`, or until they fall silent."""
    habit = customer.habit
    until = end
    if random.random() < habit.falls_silent:
        customer.silent_from = customer.added_at + (end - customer.added_at) * random.uniform(0.0, 0.5)
        until = customer.silent_from
    years = (until - customer.added_at) / timedelta(days=365)
    for moment in _moments(random, customer.added_at, until, habit.orders * years):
        amount = habit.spend * random.lognormvariate(-0.12, 0.5)
        customer.purchases.append((moment, f"{amount:.2f}"))
        customer.interactions.append((moment - timedelta(minutes=random.randint(5, 600)), "message_in"))
        back = moment + timedelta(days=random.randint(2, 9))
        if random.random() < 0.03 and back < until:
            customer.purchases.append((back, f"-{amount * random.choice((0.4, 1)):.2f}"))
    for moment in _moments(random, customer.added_at, until, habit.talks * years):
        customer.interactions += _talk(random, moment)
    if years > 0 and habit.talks:
        customer.interactions.append((customer.added_at + timedelta(minutes=random.randint(1, 40)), "message_out"))
    started, last = customer.added_at, until - timedelta(minutes=1)
    customer.interactions = [(moment, kind) for moment, kind in customer.interactions if started <= moment <= last]


def purchase_rows(customers: Sequence[Customer], prefix: str, start: datetime, end: datetime) -> Iterator[tuple]:
    """What they paid in an interval, in the order of time, as lines of an import file.

    A refund carries the number of an order that was never an order's before: returns are numbered too.
    """
    found = sorted(
        (moment, customer.external_userid, amount)
        for customer in customers
        for moment, amount in customer.purchases
        if start <= moment < end
    )
    for number, (moment, external_userid, amount) in enumerate(found, 1):
        letter = "R" if amount.startswith("-") else "S"
        yield external_userid, f"{prefix}{letter}{moment:%y%m%d}{number:06}", f"{moment:%Y-%m-%d %H:%M:%S}", amount


def interaction_rows(customers: Sequence[Customer], start: datetime, end: datetime) -> Iterator[tuple]:
    """What they and their members said in an interval, in the order of time, as lines of an import file."""
    found = sorted(
        (moment, customer.external_userid, kind, customer.owner)
        for customer in customers
        for moment, kind in customer.interactions
        if start <= moment < end
    )
    for number, (moment, external_userid, kind, owner) in enumerate(found, 1):
        key = f"{moment:%Y%m%d%H%M%S}-{number:06}"
        member = "" if kind in ("group_message", "material_click") else owner
        yield external_userid, kind, f"{moment:%Y-%m-%d %H:%M:%S}", member, key


def open_hours(random: Random, day: datetime) -> datetime:
    """A moment of the day (given as its midnight) at which people write and buy."""
    return day + timedelta(seconds=random.randint(9 * 3600, 21 * 3600))


def _moments(random: Random, start: datetime, end: datetime, expected: float) -> list[datetime]:
    """About `expected` moments in opening hours, all after `start` and before `end`."""
    count = int(expected) + (random.random() < expected % 1)
    moments = []
    for _each in range(count):
        day = start + (end - start) * random.random()
        moment = open_hours(random, day.replace(hour=0, minute=0, second=0, microsecond=0))
        if start < moment < end:
            moments.append(moment)
    return sorted(moments)


def _talk(random: Random, moment: datetime) -> list[tuple[datetime, str]]:
    """A short conversation, a click, or something a member did."""
    kind = random.random()
    if kind < 0.18:
        return [(moment, "material_click")]
    if kind < 0.26:
        return [(moment, "follow_up" if random.random() < 0.7 else "call")]
    if kind < 0.33:
        return [(moment, "group_message")]
    talk = [(moment, "message_in"), (moment + timedelta(seconds=random.randint(30, 2400)), "message_out")]
    return (
        talk if random.random() < 0.6 else [*talk, (moment + timedelta(minutes=random.randint(41, 90)), "message_in")]
    )
