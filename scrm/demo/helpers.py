"""Who helps whom: two weeks ago owners invited colleagues of their team to good customers (O1, O2)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random

from collaboration.models import Invitation
from collaboration.services import grants
from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.models import Member
from scrm.demo.customers import Customer
from scrm.demo.stage import Scene, Stage


def plan(stage: Stage, customers: Sequence[Customer], teams: Iterable[Sequence[str]], today: datetime) -> None:
    """Three customers of each team (account names of its sellers) have a collaborator since two weeks ago."""
    random = Random("澜语 协作")  # noqa: S311 - a story; a chance of its own leaves the rest as it was
    moment = today - timedelta(days=14) + timedelta(hours=10)
    for sellers in teams:
        known = [
            each
            for each in customers
            if each.owner in sellers and each.purchases and each.faithful(today - timedelta(days=60))
        ]
        for number, customer in enumerate(random.sample(known, min(3, len(known)))):
            helper = random.choice([seller for seller in sellers if seller != customer.owner])
            level, until = ("editor", None) if number else ("viewer", today + timedelta(days=30))
            stage.later_scene(moment, asking(customer, helper, level, until), customer.owner)
            stage.later_scene(moment + timedelta(hours=3), _accepting(customer), helper)


def asking(customer: Customer, helper: str, level: str, until: datetime | None = None) -> Scene:
    """The owner invites a colleague."""

    def scene(actor: Actor) -> None:
        grants.invite(
            actor,
            contact=Contact.objects.get(external_userid=customer.external_userid),
            member=Member.objects.select_related("role").get(userid=helper),
            level=level,
            expires_at=until,
            message="请帮忙一起跟进这位客户",
        )

    return scene


def _accepting(customer: Customer) -> Scene:
    def scene(actor: Actor) -> None:
        offered = Invitation.objects.to(actor).get(contact__external_userid=customer.external_userid)
        grants.accept(actor, invitation=offered)

    return scene
