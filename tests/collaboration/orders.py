"""Hand-overs as the rules have them (O6, O7), in plain Python: the oracle of the machine that hands over.

A world says whose contacts are (`owner`, `follows`), who is there (`member`) and what time it is (`now`).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WAIT, LIMIT, DAYS = timedelta(hours=24), 2, timedelta(days=90)
AGAIN = ("failed", "refused")


@dataclass
class Item:
    """One contact on its way from `giver` to `taker`; started once it has a `due`."""

    giver: int
    taker: int
    state: str = "waiting"
    due: datetime | None = None


@dataclass
class Order:
    """What was ordered at once: items by the number of the contact."""

    kind: str
    items: dict[int, Item] = field(default_factory=dict)


class Orders:
    """Every hand-over of a world, and what came of it."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.all: list[Order] = []
        self.days: list[list[date]] = [[] for _each in world.owner]  # of hand-overs on the job, by contact

    def order(self, kind: str, pairs: dict[int, int], taker: int) -> Order | None:
        """Contacts with who gives each; None when nothing of it can be handed over."""
        made = Order(kind)
        for which, giver in pairs.items():
            free = not self._open(which, giver) and not self._blocked(kind, which)
            made.items[which] = Item(giver, taker, "waiting" if free else "failed")
        if all(item.state != "waiting" for item in made.items.values()):
            return None
        self.all.append(made)
        self._start(made)
        return made

    def again(self, order: Order, taker: int | None) -> bool:
        """Try again what failed or was declined; was there anything?"""
        tried = [
            (which, item)
            for which, item in order.items.items()
            if item.state in AGAIN and not self._open(which, item.giver)
        ]
        for _which, item in tried:
            item.state, item.due = "waiting", None
            item.taker = item.taker if taker is None else taker
        self._start(order)
        return bool(tried)

    def settle(self) -> None:
        """What waited for its time takes effect."""
        now = self.world.now
        due = [
            (item.due, order, which, item)
            for order in self.all
            for which, item in order.items.items()
            if item.state == "waiting" and item.due <= now
        ]
        for _due, order, which, item in due:
            self._settle(order, which, item)

    def decline(self, order: Order, which: int) -> bool:
        """The contact does not want to; was it asked?"""
        item = order.items.get(which)
        if item is None or item.state != "waiting":
            return False
        item.state = "refused"
        return True

    # --- Decisions ------------------------------------------------------------------------------------------

    def theirs(self, who: int, which: int) -> bool:
        """A contact is a member's when they own it or are its friend."""
        return self.world.owner[which] == who or self._friend(who, which)

    def _friend(self, who: int, which: int) -> bool:
        return self.world.follows[which].get(who) == "active"

    def _open(self, which: int, giver: int) -> bool:
        items = [order.items[which] for order in self.all if which in order.items]
        return any(item.giver == giver and item.state == "waiting" for item in items)

    def _blocked(self, kind: str, which: int) -> bool:
        days = sorted(self.days[which])
        return kind == "on_job" and len(days) >= LIMIT and days[-LIMIT] + DAYS > self._today()

    def _today(self) -> date:
        return self.world.now.astimezone(ZoneInfo("Asia/Shanghai")).date()

    # --- Effects --------------------------------------------------------------------------------------------

    def _start(self, order: Order) -> None:
        for which, item in order.items.items():
            if item.state != "waiting" or item.due is not None:
                continue
            there = self.world.member[item.taker]["status"] == "active"
            if not self.theirs(item.giver, which) or not there or self._blocked(order.kind, which):
                item.state = "failed"
            elif order.kind == "on_job" and self._friend(item.giver, which):
                item.due = self.world.now + WAIT
            else:
                item.due = self.world.now
                self._settle(order, which, item)

    def _settle(self, order: Order, which: int, item: Item) -> None:
        world = self.world
        there = world.member[item.taker]["status"] == "active"
        if not there or not self.theirs(item.giver, which):
            item.state = "failed"
            return
        item.state = "done"
        if self._friend(item.giver, which):
            world.follows[which][item.taker] = "active"
            world.follows[which][item.giver] = "member"
        if world.owner[which] == item.giver:
            world.owner[which] = item.taker
        if order.kind == "on_job":
            self.days[which].append(self._today())
