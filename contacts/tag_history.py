"""A tag rule held against the past: whom it would have tagged, and when, as far as what is kept can say (C13).

Times of addition, what contacts did and what they bought are kept with their moments, and so grades, activity and
silence can be told for any night that is over. Owners, tags, status and the like are kept as they are now: conditions
about them are asked of today, and whoever reads the answer is told so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common import clock, paging
from common.sql import rows, subquery
from common.tenancy import current_enterprise_id
from contacts.filters import ContactFilter
from contacts.models import Contact, TagRule
from contacts.rules import Activity, Grade, GradeSource, Side, Status, TagEffect
from enterprises.actors import Actor
from enterprises.policy import CustomerKind, Policy
from enterprises.services import policy, zone
from quota.ledger import require_whole_enterprise

LONGEST = 90  # days
SAMPLE = 2_000  # contacts; of more, so many are drawn by chance
EXAMPLES = 6
# The conditions that the past can be asked, each as SQL over a contact of a night.
CONDITIONS = {
    "known_days": "contact.added_at <= night.at - %(known_days)s * interval '1 day'",
    "silent_days": "coalesce(heard.at, contact.added_at) <= night.at - %(silent_days)s * interval '1 day'",
    "spend_from": "paid.spend >= %(spend_from)s",
    "spend_below": "paid.spend < %(spend_below)s",
    "grade": """CASE WHEN contact.grade_source = %(manual)s THEN contact.grade
        WHEN paid.spend >= %(from_high)s THEN %(high)s
        WHEN paid.spend >= %(from_middle)s THEN %(middle)s ELSE %(low)s END = ANY (%(grade)s)""",
    "activity": """CASE WHEN paid.purchases >= %(from_frequent)s THEN %(frequent)s
        WHEN heard.at IS NOT NULL OR paid.purchases > 0 THEN %(occasional)s ELSE %(never)s END = ANY (%(activity)s)""",
    "inactive": """(contact.added_at <= night.at - %(inactive_days)s * interval '1 day'
        AND coalesce(sign.at <= night.at - %(inactive_days)s * interval '1 day', true)) = %(inactive)s""",
}
_EVENTS = """SELECT greatest(
        (SELECT max(said.at) FROM contacts_interaction AS said WHERE said.enterprise_id = contact.enterprise_id
            AND said.contact_id = contact.id AND said.at <= night.at AND {said}),
        (SELECT max(buy.paid_at) FROM contacts_purchase AS buy WHERE buy.enterprise_id = contact.enterprise_id
            AND buy.contact_id = contact.id AND buy.paid_at <= night.at AND {bought}))"""
# The contact's own row knows the last time, and only who was heard of since then has to be looked up.
_TURNS = f"""
WITH night AS (SELECT at FROM unnest(%(nights)s::timestamptz[]) AS given (at)),
told AS (
    SELECT contact.id, night.at, {{answers}} AS answers, heard.at AS heard, paid.spend,
           lag({{answers}}) OVER (PARTITION BY contact.id ORDER BY night.at) AS before
    FROM ({{contacts}}) AS contact JOIN night ON contact.added_at <= night.at
    CROSS JOIN LATERAL (
        SELECT CASE WHEN contact.last_customer_at IS NULL OR contact.last_customer_at <= night.at
            THEN contact.last_customer_at ELSE ({_EVENTS.format(said="said.side = %(customer)s", bought="true")}) END
    ) AS heard (at)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(buy.amount), 0) AS spend, count(*) FILTER (WHERE NOT buy.refund) AS purchases
        FROM contacts_purchase AS buy WHERE buy.enterprise_id = contact.enterprise_id
            AND buy.contact_id = contact.id AND buy.paid_at <= night.at
            AND buy.paid_at >= night.at - %(window)s * interval '1 day'
    ) AS paid
    CROSS JOIN LATERAL ({{sign}}) AS sign (at))
SELECT id, at, answers, heard, spend FROM told
WHERE answers IS DISTINCT FROM before AND (answers OR before IS NOT NULL) ORDER BY at, id
"""  # noqa: S608 - SQL of ours
_SOME_KINDS = _EVENTS.format(
    said="said.kind = ANY (%(kinds)s)",
    bought="CASE WHEN buy.refund THEN %(refund)s ELSE %(purchase)s END = ANY (%(kinds)s)",
)


@dataclass(frozen=True)
class Turn:
    """A night from which on a contact answered the rule, or did not any more; with what was known of it then."""

    contact: UUID
    at: datetime
    answers: bool
    heard_at: datetime | None = None
    spend: Decimal = Decimal(0)


@dataclass(frozen=True)
class Example:
    """A turn of a contact, and why: days since it was added and since it was heard of, and what it had spent."""

    contact: Contact
    day: date
    put: bool
    known_days: int
    silent_days: int
    spend: Decimal


@dataclass(frozen=True)
class Told:
    """Numbers of turns. `at_first`: who answered on the first night already; `days`: (day, put on, taken off)."""

    at_first: int
    days: list[tuple[date, int, int]]
    turns: list[Turn] = field(default_factory=list)

    @property
    def put(self) -> int:
        return sum(put for _day, put, _taken in self.days)

    @property
    def taken(self) -> int:
        return sum(taken for _day, _put, taken in self.days)


@dataclass(frozen=True)
class History:
    """What a rule would have done in the last `days`. `looked_at` of `contacts`; `asked`: the conditions that were
    asked of each night, `as_today`: those that only today can be asked; `blurred`: events of that time are deleted."""

    days: int
    contacts: paging.Count
    looked_at: int
    asked: list[str]
    as_today: list[str]
    blurred: bool
    told: Told
    examples: list[Example]


def look_back(actor: Actor, *, rule: TagRule, days: int) -> History:
    """Hold a rule against the nights of the last `days`, one by one, without writing anything.

    Whether somebody wore the tag then, and what other rules would have decided, is not looked at.
    """
    require_whole_enterprise(actor, "tags.manage")
    numbers, local, now = policy(), zone(actor.enterprise), clock.now()
    params = ContactFilter.from_params(rule.conditions, Actor.system(actor.enterprise)).params
    asked = {name: value for name, value in params.items() if name in CONDITIONS}
    rest = {name: value for name, value in params.items() if name not in CONDITIONS}
    found = ContactFilter.from_params(rest, Actor.system(actor.enterprise)).queryset().exclude(status=Status.LOST)
    count = paging.count(found)
    chosen, chosen_params = subquery(
        found.values("id", "enterprise_id", "added_at", "last_customer_at", "grade", "grade_source"), "chosen"
    )
    today = now.astimezone(local).date()
    nights = [datetime.combine(today - timedelta(days=ago), time(), local) for ago in range(days, -1, -1)]
    drawn = f"SELECT * FROM ({chosen}) AS drawn ORDER BY md5(drawn.id::text) LIMIT {SAMPLE}"  # noqa: S608
    turns = _turns(drawn, asked, {**chosen_params, "nights": nights}, numbers) if asked else []
    told = tell(turns, rule.effect, first=nights[0], local=local)
    kept = numbers.interaction_days
    reach = days + max(asked.get("silent_days", 0), numbers.inactive_days if "inactive" in asked else 0)
    return History(
        days=days,
        contacts=count,
        looked_at=min(SAMPLE, count.value),
        asked=list(asked),
        as_today=list(rest),
        blurred=bool(kept) and {"silent_days", "inactive", "activity"} & set(asked) != set() and reach > kept,
        told=told,
        examples=_examples(told.turns, local),
    )


def tell(turns: Iterable[Turn], effect: str, *, first: datetime, local: Any) -> Told:
    """Count turns, in the order of time, as a rule of this effect acts on them: one that keeps follows each, others
    act once on whoever begins to answer."""
    keeps = effect == TagEffect.KEEP
    seen: set[UUID] = set()
    counted: dict[date, list[int]] = {}
    at_first, told = 0, []
    for turn in turns:
        if turn.answers and turn.at == first:
            at_first += 1
        elif keeps or (turn.answers and turn.contact not in seen):
            counted.setdefault(turn.at.astimezone(local).date(), [0, 0])[0 if turn.answers else 1] += 1
            told.append(turn)
        seen.add(turn.contact)
    return Told(at_first, [(day, put, taken) for day, (put, taken) in sorted(counted.items())], told)


def _turns(contacts: str, asked: dict[str, Any], params: dict[str, Any], numbers: Policy) -> list[Turn]:
    every = set(numbers.inactive_kinds) == set(CustomerKind)
    sign = "SELECT heard.at" if every or "inactive" not in asked else _SOME_KINDS
    answers = " AND ".join(f"({CONDITIONS[name]})" for name in asked)
    given = {
        **params,
        **asked,
        "enterprise": current_enterprise_id(),
        "customer": Side.CUSTOMER.value,
        "window": numbers.spend_window_days,
        "inactive_days": numbers.inactive_days,
        "kinds": [kind.value for kind in numbers.inactive_kinds],
        "purchase": CustomerKind.PURCHASE.value,
        "refund": CustomerKind.REFUND.value,
        "manual": GradeSource.MANUAL.value,
        "from_high": numbers.grade_high,
        "from_middle": numbers.grade_middle,
        "from_frequent": numbers.frequent_purchases,
        **{grade.value: grade.value for grade in Grade},
        **{activity.value: activity.value for activity in Activity},
    }
    found = rows(_TURNS.format(answers=answers, contacts=contacts, sign=sign), given)
    return [Turn(*one) for one in found]


def _examples(turns: list[Turn], local: Any) -> list[Example]:
    """The latest turns."""
    latest = turns[: -EXAMPLES - 1 : -1]
    contacts = Contact.objects.in_bulk([turn.contact for turn in latest])
    return [
        Example(
            contact=contact,
            day=turn.at.astimezone(local).date(),
            put=turn.answers,
            known_days=(turn.at - contact.added_at).days,
            silent_days=(turn.at - (turn.heard_at or contact.added_at)).days,
            spend=turn.spend,
        )
        for turn in latest
        if (contact := contacts.get(turn.contact)) is not None
    ]
