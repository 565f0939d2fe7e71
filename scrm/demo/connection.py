"""The retailer is a buyer of the platform as well: it is connected there, and sees the space in its own console."""

from datetime import datetime, timedelta
from random import Random

from common import clock
from common.tenancy import tenant
from enterprises.models import Member
from enterprises.services import zone
from scrm.demo import names
from scrm.demo.stage import Stage
from upstream.models import Partner, Space, Subgroup
from upstream.services import bridges, partners, people, shares

BUYERS = {"guxiaotang": "运营总监", "yesiqi": "采购负责人", "huangjiahao": "采购经理"}


def connect(platform: Stage, retailer: Stage, now: datetime) -> None:
    """Twelve weeks ago it became a partner; six weeks ago its admin redeemed the code."""
    random = Random("启衡 澜语")  # noqa: S311 - a story, not a secret
    name = retailer.enterprise.name
    with retailer.scene(now):
        buyers = [(member.name, member.email, BUYERS[member.userid]) for member in _members()]
    today = now.astimezone(zone(platform.enterprise)).replace(hour=0, minute=0, second=0, microsecond=0)
    joined = today - timedelta(weeks=12) + timedelta(hours=10)
    with platform.scene(joined) as actor:
        space = Space.objects.get(name="启衡·采购商")
        partner = partners.add_partner(
            actor,
            space=space,
            name=name,
            short_name=name[:2],
            kind=Partner.Kind.BUYER,
            region="华东",
            owner=Member.objects.get(userid="fanlihua"),
            subgroups=[Subgroup.objects.get(space=space, name="销售一组")],
        )
        for number, (person, email, title) in enumerate(buyers):
            people.add_person(
                actor,
                partner=partner,
                name=person,
                email=email,
                phone=names.phone(random),
                title=title,
                leader=number == 0,
            )
        shares.create_share(
            actor,
            kind="meeting",
            title="包装耗材年度询价会",
            note="请采购负责人参加",
            url="https://qiheng.example/meeting",
            space=space,
            starts_at=today + timedelta(days=9, hours=14),
        )
    moment = today - timedelta(weeks=6) + timedelta(hours=15)
    with platform.scene(moment) as actor:
        _bridge, code = bridges.offer(actor, partner=partner)
    with retailer.scene(moment + timedelta(hours=20)) as actor:
        bridges.join(actor, code=code)
    with clock.at(moment + timedelta(hours=20)), tenant(platform.enterprise.pk):
        bridges.follow(platform.enterprise)


def _members() -> list[Member]:
    return list(Member.objects.filter(userid__in=BUYERS).order_by("userid"))
