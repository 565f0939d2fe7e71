"""Hand-overs of the retailer: one that has ended, with some who declined, and one in which they still may (O7)."""

from datetime import datetime, timedelta
from functools import partial

from collaboration.models import Transfer
from collaboration.rules.transfers import State
from collaboration.services import transfers
from collaboration.services.transfers.orders import JOB
from contacts.models import Contact
from contacts.rules import Status
from enterprises.actors import Actor
from enterprises.models import Member
from jobs.models import JobRun
from scrm.demo.stage import Stage

WORDS = "您好，因门店调整，今后由我的同事为您服务，感谢您一直以来的支持！"


def plan(stage: Stage, *, now: datetime, today: datetime) -> None:
    """Put them into the story."""
    ended = today - timedelta(days=12)
    for giver, takers, number, moment in (
        ("liuzihan", ("zhangmengjie",), 24, ended + timedelta(hours=10)),
        ("xiongruolan", ("pengxueying", "tanjunfeng"), 60, now - timedelta(hours=5)),
    ):
        stage.later(moment, partial(stage.run, moment, partial(_order, giver, takers, number)))
    stage.later_scene(ended + timedelta(hours=18), partial(_decline, 2))
    stage.later_scene(now - timedelta(hours=2), partial(_decline, 3))
    settled = ended + timedelta(days=1, hours=11)
    stage.later(settled, lambda: stage.nightly(settled, "collaboration.settle_transfers"))


def end(stage: Stage, *, now: datetime) -> None:
    """Whom several members follow, and what everybody did (O9, O10)."""
    stage.nightly(now, "collaboration.radar", "collaboration.board")


def _order(giver: str, takers: tuple[str, ...], number: int, actor: Actor) -> JobRun:
    member = Member.objects.select_related("role").get(userid=giver)
    theirs = Contact.objects.filter(owner=member, status=Status.ACTIVE).order_by("-last_contact_at", "id")
    chosen = Member.objects.filter(userid__in=takers).order_by("userid").values_list("pk", flat=True)
    transfers.order(
        actor,
        member=member,
        plan={"parts": [{"takers": [str(pk) for pk in chosen]}]},
        message=WORDS,
        ids=list(theirs.values_list("pk", flat=True)[:number]),
    )
    return JobRun.objects.filter(name=JOB).order_by("-created_at", "-id")[0]


def _decline(number: int, actor: Actor) -> None:
    transfer = Transfer.objects.order_by("-created_at", "-id")[0]
    items = transfer.items.filter(state=State.WAITING).order_by("id")[:number]
    results = [transfers.Result(item.pk, State.REFUSED) for item in items]
    transfers.report_results(actor, transfer=transfer, results=results)
