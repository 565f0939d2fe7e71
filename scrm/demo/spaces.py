"""The platform's spaces: brands, a series of media, buyers with three sales subgroups, bloggers."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from common import clock
from contacts.models import Contact
from contacts.services.bulk.selection import Selection
from enterprises.actors import Actor
from enterprises.models import Department, Member
from scrm.demo import names
from scrm.demo.stage import Stage
from upstream.models import Invitee, Partner, Series, Space, Subgroup
from upstream.services import chats, invitations, joining, members, partners, people, shares, spaces, subgroups

BRANDS = "博森轴承 海拓液压 金锐刀具 新域传感 铁塔标准件 宏远减速机 蓝鲸密封 中岳电缆"
MEDIA = "工业周刊 机电视界 制造前沿 采购内参 工厂观察 智造日报 五金资讯 供应链评论 设备之家 精工时代"
BLOGGERS = "老赵讲轴承 车间小林 液压王师傅 刀具测评社 工控阿杰"
SALES = {"销售一组": "华东", "销售二组": "华南", "销售三组": "华北"}
TITLES = ("采购经理", "总经理", "设备主管", "市场负责人", "项目经理")
PRESENT = ("fanlihua", "shaoyifan", "wanxinyue", "songkai", "jiayutong")


def open_spaces(stage: Stage, random: Random, now: datetime) -> None:
    """Everything that the article of the genre tells of, by the services."""
    start = now - timedelta(weeks=20)
    with stage.scene(start) as actor:
        team = list(Member.objects.filter(userid__in=PRESENT).order_by("userid"))
        brands = spaces.create_space(actor, name="启衡·品牌方", purpose="与品牌厂商对接选品、价格和售后。")
        buyers = spaces.create_space(actor, name="启衡·采购商", purpose="为采购商提供报价、交期和技术支持。")
        bloggers = spaces.create_space(
            actor, name="启衡·博主", purpose="内容合作：样品、素材和结算。", partners_open=True
        )
        series = spaces.create_series(actor, name="启衡·媒体", purpose="新闻稿、采访和广告投放。")
        second = spaces.create_space(actor, name="启衡·媒体 2", purpose=series.purpose, series=series)
        for space in (brands, buyers, bloggers, *Space.objects.filter(series=series).order_by("number")):
            members.add_members(actor, space=space, members=team)
        groups = {
            name: subgroups.create_subgroup(actor, space=buyers, name=name, position=number)
            for number, name in enumerate(SALES)
        }
        for space, called, kind in ((brands, BRANDS, "brand"), (bloggers, BLOGGERS, "creator")):
            for name in called.split():
                _partner(actor, random, name, space=space, kind=kind, owner=random.choice(team))
        for number, name in enumerate(MEDIA.split()):
            into: dict[str, Any] = {"space": second} if number > 6 else {"series": series}
            _partner(actor, random, name, kind="media", owner=random.choice(team), **into)
    with stage.scene(start + timedelta(days=2)) as actor:
        for number in range(24):
            group, region = list(SALES.items())[number % 3]
            name = names.industrial_company(random, random.choice(names.CITIES[region].split()))
            if not Partner.objects.filter(space=buyers, name=name).exists():
                where: dict[str, Any] = {"space": buyers, "subgroups": [groups[group]], "region": region}
                _partner(actor, random, name, kind="buyer", owner=random.choice(team), **where)
        channel = Department.objects.get(name="渠道部")
        members.create_rule(
            actor, space=buyers, name="渠道部只对接销售三组", departments=[channel], subgroups=[groups["销售三组"]]
        )
        link = invitations.create_link(actor, space=buyers, source="上海工博会", days=200)
        invitations.create_link(actor, series=Series.objects.get(), source="官网", approval=True, days=200)
        _share(actor, now, brands, buyers, series, groups["销售一组"])
        _chat(actor, bloggers, buyers, groups["销售一组"])
    _come(stage, random, now, link.code)
    _convert(stage, now, buyers)


def _partner(actor: Actor, random: Random, name: str, **details: Any) -> None:
    partner = partners.add_partner(
        actor, name=name, short_name=name.removesuffix("有限公司")[-4:] if len(name) > 8 else "", **details
    )
    for number in range(random.randint(1, 3)):
        called = names.person(random, 0.4)
        people.add_person(
            actor,
            partner=partner,
            name=called,
            phone=names.phone(random),
            title=random.choice(TITLES),
            leader=number == 0,
        )


def _share(actor: Actor, now: datetime, brands: Space, buyers: Space, series: Series, group: Subgroup) -> None:
    """What partners find in their workbench."""
    for kind, title, note, where in (
        ("document", "2026 年度框架协议", "请在月底前回签", {"space": brands}),
        ("folder", "产品图与参数", "每周更新", {"space": buyers}),
        ("link", "华东区特价清单", "仅限本季度", {"space": buyers, "subgroup": group}),
        ("meeting", "新品线上说明会", "欢迎采编同事参加", {"series": series}),
    ):
        target: dict[str, Any] = where
        if kind == "meeting":
            target["starts_at"] = (now + timedelta(days=3)).replace(hour=7, minute=0, second=0, microsecond=0)
        shares.create_share(actor, kind=kind, title=title, note=note, url=f"https://qiheng.example/{kind}", **target)


def _chat(actor: Actor, bloggers: Space, buyers: Space, group: Subgroup) -> None:
    """A large group chat where partners see each other, and one of a single partner's people (U10)."""
    open_chat = chats.create_chat(actor, space=bloggers, name="新品素材通知群", joins_space=True)
    chats.add(actor, chat=open_chat, people=list(bloggers.people.all()))
    invitations.create_link(actor, chat=open_chat, source="素材群", days=200)
    buyer = Partner.objects.filter(places__subgroup=group).order_by("-contact_count", "id")[0]
    project = chats.create_chat(actor, space=buyers, name=f"{buyer} 项目群", subgroup=group)
    chats.add(actor, chat=project, people=list(buyer.people.all()))


def _come(stage: Stage, random: Random, now: datetime, code: str) -> None:
    """Some scan the QR code at the fair; one of a company that is known waits."""
    for number, company in enumerate(("瑞达设备维修", "老陈五金店", "恒信机械厂", "启明五金")):
        with clock.at(now - timedelta(weeks=8, hours=number)):
            joining.join(
                stage.enterprise.code, code, company=company, name=names.person(random), phone=names.phone(random)
            )
    with stage.scene(now - timedelta(weeks=7)) as actor:
        [first] = Partner.objects.filter(name="瑞达设备维修")
        partners.edit_partner(actor, partner=first, changes={"aliases": ["瑞达"]})
    with clock.at(now - timedelta(hours=5)):
        person = {"name": names.person(random), "phone": names.phone(random)}
        joining.join(stage.enterprise.code, code, company="瑞达设备维修", **person)


def _convert(stage: Stage, now: datetime, buyers: Space) -> None:
    """Customers are invited personally; some joined, some opened, one declined."""
    with stage.scene(now - timedelta(days=9)) as actor:
        chosen = list(
            Contact.objects.filter(status="active").order_by("-spend_365d", "id").values_list("pk", flat=True)[:12]
        )
        selection = Selection.of(actor, ids=chosen)
        invitation, _number = invitations.invite_customers(
            actor, selection=selection, space=buyers, source="老客户转入", days=60
        )
        invitees = list(
            Invitee.objects.filter(invitation=invitation).select_related("contact", "invitation").order_by("id")
        )
        invitations.mark_sent(actor, invitees=invitees[:10])
    for number, invitee in enumerate(invitees[:7]):
        with clock.at(now - timedelta(days=7, hours=number)):
            joining.look(stage.enterprise.code, invitee.code)
            contact = invitee.contact
            if number < 4:
                given = {"company": contact.company, "name": contact.name, "phone": contact.phones[0]}
                joining.join(stage.enterprise.code, invitee.code, **given)
            elif number == 4:
                joining.decline(stage.enterprise.code, invitee.code)
