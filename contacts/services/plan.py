"""Carrying out the plan (Q16): the list of an option becomes a batch of the usual kind, with undo."""

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from contacts.plan import candidates
from contacts.plan.candidates import Terms
from contacts.services import bulk
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from jobs.models import JobRun
from quota.ledger import require_whole_enterprise
from quota.models import Account


def carry_out(actor: Actor, *, count: int, leave: int | None = None, with_follow_ups: bool = False) -> JobRun:
    """Archive the `count` contacts whose loss is expected to be least, as a job that can be undone (C5).

    Who that is is decided now: a customer who bought since the plan was shown is not on the list any more. `leave`:
    archive only until so many are served, so that two who carry out the same plan do it once. Raises Invalid for less
    than one, Conflict when fewer can be archived, or no more are served than `leave`.
    """
    require_whole_enterprise(actor, "quota.view")
    actor.require("contacts.archive")
    if count < 1:
        raise Invalid({"archive_count": [_("Say how many contacts are to be archived.")]})
    if leave is not None:
        count = min(count, Account.objects.get().served - leave)
        if count < 1:
            raise Conflict(_("So many are archived already."), code="carried_out")
    terms = Terms(clock.now(), policy().spend_window_days, with_follow_ups)
    most, losses = candidates.losses(terms, [count])
    if count > most:
        raise Conflict(_("Fewer contacts than that can be archived."), code="too_few_candidates", most_to_archive=most)
    run = bulk.start_listed(
        actor,
        action="archive",
        source=f"SELECT id FROM ({candidates.CANDIDATES}) AS candidate ORDER BY {candidates.ORDER} LIMIT %(count)s",  # noqa: S608
        params={**terms.params, "count": count},
        count=count,
        plan={"with_follow_ups": with_follow_ups},
    )
    loss = losses[count]
    audit.record(
        actor,
        "plan.carried_out",
        subject_type="job",
        subject_id=run.pk,
        after={"contacts": count, "value_at_risk": loss.spend, "expected_loss": loss.expected},
    )
    return run
