"""The plan of an enterprise, for today or for what is forecast (Q16)."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Conflict
from common.tenancy import current_enterprise_id
from contacts.plan import candidates, rules
from contacts.plan.candidates import Candidate, Terms
from enterprises.actors import Actor
from quota import outlook, queries
from quota.ledger import require_whole_enterprise

# Ordering a million contacts takes seconds: such a plan is kept for a while, and says when it was made.
LIVE = 30_000  # served contacts
KEPT = 600  # seconds
FIRST = 500  # of the list, kept with it


class Basis(Choice):
    """For how many contacts there must be places."""

    TODAY = "today", _("For today")
    FORECAST = "forecast", _("For the forecast")


@dataclass(frozen=True)
class Plan:
    """The options at a moment. `need`: for how many places; `most`: how many could be archived; `left_out`: who is
    never on the list; `first`: the beginning of the list, which every option's list is a beginning of."""

    at: datetime
    basis: Basis
    served: int
    capacity: int
    verified: bool
    need: int
    most: int
    terms: Terms
    left_out: dict[str, int]
    options: list[rules.Option]
    first: list[Candidate] = field(repr=False)

    @property
    def best(self) -> rules.Option | None:
        """The option that costs least in a year, expected losses included."""
        return rules.best(self.options)

    def option(self, count: int) -> rules.Option | None:
        """The option that archives so many."""
        return next((option for option in self.options if option.archive_count == count), None)


def plan(actor: Actor, *, basis: Basis = Basis.TODAY, with_follow_ups: bool = False, again: bool = False) -> Plan:
    """The plan, for those who see the whole enterprise; Conflict when it is for a forecast and there is none.

    Small enterprises get it fresh, large ones that of the last minutes unless `again`.
    """
    require_whole_enterprise(actor, "quota.view")
    view = queries.overview(actor.enterprise)
    found = None if again else _kept(view, basis, with_follow_ups)
    return found or _reckon(actor, view, basis, with_follow_ups)


def plan_at_once(actor: Actor, *, basis: Basis, with_follow_ups: bool) -> Plan | None:
    """The plan if it keeps nobody waiting, else None."""
    require_whole_enterprise(actor, "quota.view")
    view = queries.overview(actor.enterprise)
    if view.position.served > LIVE:
        return _kept(view, basis, with_follow_ups)
    return _reckon(actor, view, basis, with_follow_ups)


def _kept(view: queries.Overview, basis: Basis, with_follow_ups: bool) -> Plan | None:
    return cache.get(_key(basis, with_follow_ups)) if view.position.served > LIVE else None


def _key(basis: Basis, with_follow_ups: bool) -> str:
    return f"plan:{current_enterprise_id()}:{basis}:{with_follow_ups}"


def _reckon(actor: Actor, view: queries.Overview, basis: Basis, with_follow_ups: bool) -> Plan:
    standing = view.position
    need = standing.served
    if basis is Basis.FORECAST:
        ahead = outlook.outlook(actor.enterprise, days=1, view=view).points
        if not ahead:
            raise Conflict(_("There is no forecast to plan for yet."), code="no_forecast")
        need = max(need, ahead[-1].served)
    free = view.policy.free_verified if standing.verified else view.policy.free_unverified
    prices: dict[int, Decimal] = {tier: row.price for tier, row in view.prices.items()}
    having = rules.targets(free, prices, verified=standing.verified)
    terms = Terms(view.now, view.policy.spend_window_days, with_follow_ups)
    counts = {rules.to_archive(need, target) for target in having} - {0}
    most, losses = candidates.losses(terms, counts)
    made = Plan(
        at=view.now,
        basis=basis,
        served=standing.served,
        capacity=standing.capacity,
        verified=standing.verified,
        need=need,
        most=most,
        terms=terms,
        left_out=candidates.left_out(terms),
        options=rules.options(need, having, most, losses),
        first=candidates.listed(terms, start=0, stop=min(FIRST, max(counts, default=0))),
    )
    if standing.served > LIVE:
        cache.set(_key(basis, with_follow_ups), made, KEPT)
    return made


def listed(made: Plan, *, start: int, stop: int) -> list[Candidate]:
    """A part of the list: from what is kept, or ordered anew as of the plan's moment."""
    if stop <= len(made.first):
        return made.first[start:stop]
    return candidates.listed(made.terms, start=start, stop=stop)
