"""The story of a beauty retailer: 18 months, five regional teams, 5 200 customers, a package that ends in 60 days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

from django.db.models import Q

from contacts.models import Contact, GroupChat
from contacts.rules import Status
from contacts.services import bulk, groups
from contacts.services.contacts import add_contact
from contacts.services.relations import end_follow
from contacts.services.tags import create_tag_group
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone
from enterprises.services.members import resign_member
from quota.models import Account
from quota.services import buy_package, record_platform_served
from scrm.demo import alerts, campaigns, care, hand_overs, helpers, names, shares
from scrm.demo.customers import (
    CONTACT_COLUMNS,
    INTERACTION_COLUMNS,
    PURCHASE_COLUMNS,
    Customer,
    Habit,
    habit,
    interaction_rows,
    live,
    open_hours,
    purchase_rows,
)
from scrm.demo.stage import Person, Scene, Stage

NAME = "澜语美妆零售"
DOMAIN = "lanyu.example"
ADMIN = f"admin@{DOMAIN}"


@dataclass(frozen=True)
class Size:
    """How large the story is. As it stands: 5 200 contacts, of whom 4 830 are served by a package of 5 000."""

    contacts: int = 5200
    group_only: int = 192
    archived_long_ago: tuple[int, int] = (90, 100)
    archived_lately: int = 140
    lost: int = 40
    not_released_yet: int = 37
    second_friends: int = 45  # in each quarter
    tier: int = 5000


GROUPS = 12
WEEKS = 78
QUARTER = 13  # weeks
FORTNIGHTS = 52  # weeks in which a list of new customers came every other week; later every week
DAILY = 10  # the last days, in which customers are added one by one by their members
PACKAGE_DAYS_LEFT = 60

REGIONS = {
    "华东": ("叶思琪 yesiqi", "陈静怡 chenjingyi", "徐浩然 xuhaoran", "苏婉清 suwanqing", "吴佳敏 wujiamin"),
    "华南": ("黄嘉豪 huangjiahao", "林雨桐 linyutong", "梁倩文 liangqianwen", "何俊杰 hejunjie", "罗依然 luoyiran"),
    "华北": ("赵明轩 zhaomingxuan", "王雅楠 wangyanan", "李思远 lisiyuan", "张梦洁 zhangmengjie", "刘子涵 liuzihan"),
    "华中": ("周慧妍 zhouhuiyan", "胡志伟 huzhiwei", "彭雪莹 pengxueying", "谭俊峰 tanjunfeng", "熊若兰 xiongruolan"),
    "西南": ("杨春晓 yangchunxiao", "唐诗韵 tangshiyun", "邓凯文 dengkaiwen", "冉子墨 ranzimo", "曾雨薇 zengyuwei"),
}
SIZES = {"华东": 0.3, "华南": 0.26, "华北": 0.18, "华中": 0.14, "西南": 0.12}
RESIGNED = "zengyuwei"
OPERATIONS = "guxiaotang"
LOG_IN = ("yesiqi", "huangjiahao", "chenjingyi")  # the others use the phone only

HABITS = (
    Habit(share=0.08, orders=17, spend=760, talks=22, falls_silent=0.03),
    Habit(share=0.28, orders=8, spend=390, talks=8, falls_silent=0.1),
    Habit(share=0.28, orders=1.8, spend=170, talks=4, falls_silent=0.35),
    Habit(share=0.20, orders=0.0, spend=0, talks=3, falls_silent=0.5),
    Habit(share=0.16, orders=0.0, spend=0, talks=0, falls_silent=1.0),
)
TAGS = {
    "客户来源": ("门店扫码", "小红书", "抖音直播", "公众号", "老客推荐"),
    "会员等级": ("普通会员", "银卡会员", "金卡会员", "黑卡会员"),
    "肤质": ("干性", "油性", "混合性", "敏感肌"),
    "偏好": ("护肤", "彩妆", "香氛", "洗护"),
}
FRIEND_COLUMNS = ("客户ID", "负责人", "备注", "添加时间")
EVENT_COLUMNS = ("客户ID", "姓名", "手机", "备注", "负责人", "添加时间")
SOURCES = {"门店扫码": "scan_qr", "小红书": "link", "抖音直播": "link", "公众号": "search", "老客推荐": "shared_card"}


def email(userid: str) -> str:
    """How a member logs in."""
    return f"{userid}@{DOMAIN}"


def play(now: datetime, password: str, say: Callable[[str], None], size: Size | None = None) -> Stage:
    """Make the enterprise and let its 18 months pass."""
    story = Story(now, password, say, size or Size())
    story.begin()
    story.plan()
    story.stage.play()
    story.end()
    return story.stage


@dataclass
class Story:
    """What is made up on the way."""

    now: datetime
    password: str
    say: Callable[[str], None]
    size: Size
    random: Random = field(default_factory=lambda: Random("澜语 2026"))  # noqa: S311 - a story
    customers: list[Customer] = field(default_factory=list)

    def begin(self) -> None:
        """The enterprise, its people and its tags."""
        self.say(f"{NAME}: people and tags")
        began = self.now - timedelta(weeks=WEEKS, days=3)
        self.stage = Stage.open(began, name=NAME, admin=ADMIN, person="沈知远", password=self.password)
        self.zone = zone(self.stage.enterprise)
        self.today = self.now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        self.first = self.today - timedelta(weeks=WEEKS)
        tree = {"销售中心": "", **dict.fromkeys(REGIONS, "销售中心"), "运营中心": ""}
        people = [Person(OPERATIONS, "顾晓棠", "运营中心", leads=True, manages=("销售中心",), logs_in=True)]
        for region, team in REGIONS.items():
            for number, member in enumerate(team):
                name, userid = member.split()
                leads = number == 0
                people.append(
                    Person(userid, name, region, leads, manages=(region,) if leads else (), logs_in=userid in LOG_IN)
                )
        self.stage.employ(began + timedelta(hours=1), tree, people)
        with self.stage.scene(began + timedelta(hours=4)) as actor:
            for position, (group, tags) in enumerate(TAGS.items()):
                create_tag_group(actor, name=group, tags=tags, position=position, colour=care.COLOURS[group])
            care.make_rules(actor)

    # --- The plan -----------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Everything that will happen, each thing at its moment."""
        self.say(f"{NAME}: {self.size.contacts} customers, 18 months")
        last = self.today - timedelta(days=DAILY)
        friends = self.size.contacts - self.size.group_only
        days = [self.first + timedelta(days=day) for day in range(WEEKS * 7)]
        self._invent(friends, days)
        starts = {*range(0, FORTNIGHTS, 2), *range(0, WEEKS, QUARTER), *range(FORTNIGHTS, WEEKS - 1)}
        for week, following in pairwise(sorted({*starts, WEEKS})):
            start, end = (self.first + timedelta(weeks=number) for number in (week, following))
            self._plan_list(start, min(end, last))
        for customer in self.customers:
            if customer.added_at >= last:
                self.stage.later_scene(customer.added_at, self._adding(customer), customer.owner)
        self._plan_scale()
        self._plan_losses()
        self._plan_groups(days)
        self._plan_second_friends()
        self._plan_archives()
        sellers = [[member.split()[1] for member in team[1:]] for team in REGIONS.values()]
        helpers.plan(self.stage, self.customers, sellers[:4], self.today)
        writers = [*LOG_IN[::-1], *(team[2].split()[1] for team in REGIONS.values())]
        care.plan(self.stage, self.customers, writers, now=self.now, today=self.today)
        self._plan_list_with_faults()
        for start, end in self._quarters():
            moment = end + timedelta(hours=9, minutes=30)
            self.stage.later(moment, partial(self._load_history, moment, start, end))
        self.stage.later_scene(self.today - timedelta(days=4), self._resigning)
        hand_overs.plan(self.stage, now=self.now, today=self.today)
        alerts.plan(self.stage, first=self.first, today=self.today)
        self.stage.later_scene(self.today - timedelta(hours=4), self._reporting, "admin")

    def _invent(self, count: int, days: list[datetime]) -> None:
        weights = [_season(day) * (0.45 + 1.1 * number / len(days)) for number, day in enumerate(days)]
        chosen = sorted(self.random.choices(days, weights, k=count))
        for day in chosen:
            customer = self._customer(open_hours(self.random, day))
            live(self.random, customer, self.today)
            self.customers.append(customer)

    def _customer(self, added_at: datetime) -> Customer:
        random = self.random
        region = random.choices(list(SIZES), list(SIZES.values()))[0]
        owner = random.choice(REGIONS[region]).split()[1]
        if owner == RESIGNED and added_at > self.today - timedelta(days=6):
            owner = REGIONS[region][1].split()[1]
        source = random.choice(TAGS["客户来源"])
        customer = Customer(names.external_userid(random), "", owner, added_at, habit(random, HABITS))
        customer.tags = [source]
        if random.random() < 0.08:
            city = random.choice(names.CITIES[region].split())
            customer.name, customer.kind = names.person(random, 0.6), "企业微信"
            customer.company = names.beauty_company(random, city)
        else:
            customer.name, customer.kind = names.wechat_name(random), "微信"
        if random.random() < 0.3:
            customer.remark = f"{random.choice(names.SURNAMES)}{random.choice(('女士', '姐', '小姐', '先生'))}"
            customer.remark += random.choice(("", "", " 干皮", " 敏感肌", " 618老客", " 爱买面膜", " 送礼"))
        if random.random() < 0.45:
            customer.phone = names.phone(random)
        if customer.habit.orders:
            level = ("黑卡会员", "金卡会员", "普通会员")[HABITS.index(customer.habit)]
            customer.tags.append("银卡会员" if level == "金卡会员" and random.random() < 0.4 else level)
        for group in ("肤质", "偏好"):
            if random.random() < 0.5:
                customer.tags.append(random.choice(TAGS[group]))
        return customer

    def _plan_list(self, start: datetime, end: datetime) -> None:
        new = [customer for customer in self.customers if start <= customer.added_at < end]
        file = f"企业微信客户_{start:%Y%m%d}.csv"
        moment = end + timedelta(hours=8, minutes=30)
        self.stage.later(
            moment,
            lambda: self.stage.load(moment, "contacts", file, CONTACT_COLUMNS, [one.row() for one in new]),
        )

    def _adding(self, customer: Customer) -> Callable[[Actor], None]:
        def scene(actor: Actor) -> None:
            add_contact(
                actor,
                external_userid=customer.external_userid,
                name=customer.name,
                kind=Contact.Kind.WECOM if customer.company else Contact.Kind.WECHAT,
                remark=customer.remark,
                company=customer.company,
                phones=[customer.phone] if customer.phone else [],
                source=SOURCES[customer.tags[0]],
            )

        return scene

    def _plan_scale(self) -> None:
        ends = self.today + timedelta(days=PACKAGE_DAYS_LEFT, hours=10)
        day = min(ends.day, 28) if ends.month == 2 else ends.day
        self.stage.later_scene(
            ends.replace(year=ends.year - 1, day=day),
            lambda actor: buy_package(actor, tier=self.size.tier, kind="purchase", order_no=f"GM{ends.year - 1}0001"),
        )

    def _plan_groups(self, days: list[datetime]) -> None:
        """Twelve groups: mostly customers, and some people who are nobody's friend."""
        random = self.random
        themes = ("VIP福利群", "新品体验官", "护肤打卡群", "门店会员群")
        for number in range(GROUPS):
            region = list(REGIONS)[number % len(REGIONS)]
            team = [member.split()[1] for member in REGIONS[region]]
            name = f"{region}{themes[number % len(themes)]}{number // len(themes) + 1}"
            opened = days[20 + number * 30] + timedelta(hours=10)
            self.stage.later_scene(opened, self._founding(name, f"wrlanyu{number:04}"), team[0])
            for step in range(4):
                moment = opened + timedelta(days=1 + 24 * step, hours=step)
                known = [each for each in self.customers if each.owner in team and each.faithful(moment)]
                people = [(each.external_userid, "") for each in random.sample(known, min(10, len(known)))]
                strangers = self.size.group_only // GROUPS // 4
                people += [(names.external_userid(random), names.wechat_name(random)) for _each in range(strangers)]
                self.stage.later_scene(moment, self._inviting(f"wrlanyu{number:04}", people), team[0])

    def _founding(self, name: str, chat_id: str) -> Scene:
        return lambda actor: groups.create_group(actor, name=name, chat_id=chat_id)

    def _inviting(self, chat_id: str, people: list[tuple[str, str]]) -> Scene:
        def scene(actor: Actor) -> None:
            group = GroupChat.objects.get(chat_id=chat_id)
            groups.invite(actor, group=group, people=[groups.Person(*person) for person in people])

        return scene

    def _plan_second_friends(self) -> None:
        """Customers whom a colleague has added as well: for the duplicate radar. A third has a remark of their own."""
        remarks = Random("澜语 同事备注")  # noqa: S311 - a story; a chance of its own leaves the rest as it was
        for number, (start, end) in enumerate(self._quarters()):
            known = [each for each in self.customers if each.faithful(start)]
            rows = []
            for customer in self.random.sample(known, min(self.size.second_friends, len(known))):
                team = next(team for team in REGIONS.values() if any(customer.owner in each for each in team))
                other = self.random.choice([each.split()[1] for each in team if customer.owner not in each])
                moment = open_hours(self.random, start + (end - start) * self.random.random() * 0.9)
                remark = names.remark_of_a_colleague(remarks) if remarks.random() < 0.34 else ""
                rows.append((customer.external_userid, other, remark, f"{moment:%Y-%m-%d %H:%M:%S}"))
            self._later_load(end + timedelta(hours=9), "contacts", f"同事好友_{number + 1}.csv", FRIEND_COLUMNS, rows)

    def _plan_archives(self) -> None:
        """Three times the operations' team made room; the last batch can still be undone (C5)."""
        quiet = [each for each in self.customers if not each.interactions and not each.purchases]
        for number, days in zip(self.size.archived_long_ago, (200, 90), strict=True):
            moment = self.today - timedelta(days=days) + timedelta(hours=16)
            chosen = [each for each in quiet if each.added_at < moment - timedelta(days=60)][:number]
            quiet = [each for each in quiet if each not in chosen]
            known = Q(external_userid__in=[each.external_userid for each in chosen])
            self.stage.later(moment, partial(self._archive, moment, known, number))
        night = self.today - timedelta(days=6)
        self.stage.later(
            night + timedelta(hours=3), lambda: self.stage.nightly(night, "contacts.grade", "contacts.tag_inactive")
        )
        moment, silent = night + timedelta(hours=15), Q(inactive=True, grade="low")
        self.stage.later(moment, partial(self._archive, moment, silent, self.size.archived_lately))

    def _archive(self, moment: datetime, which: Q, most: int) -> None:
        with self.stage.scene(moment, OPERATIONS) as actor:
            found = Contact.objects.visible_to(actor).filter(which, status=Status.ACTIVE)
            ids = list(found.order_by("last_contact_at", "id").values_list("pk", flat=True)[:most])
        self.stage.run(moment, lambda actor: bulk.start(actor, action="archive", ids=ids), OPERATIONS)

    def _plan_losses(self) -> None:
        """Some customers deleted their member."""
        until = self.today - timedelta(days=10)
        silent = [each for each in self.customers if each.silent_from and each.interactions]
        fallen = [each for each in silent if self._quiet_since(each) < until]
        for number, customer in enumerate(self.random.sample(fallen, self.size.lost)):
            customer.lost = True
            since = self._quiet_since(customer)
            moment = since + (until - since) * self.random.random()
            if number % 2:  # half of them in the last weeks, before the last clean-up
                moment = max(since, self.today - timedelta(days=8 + number * 27 % 29, hours=-9 - number % 9))
            self.stage.later_scene(moment, self._losing(customer), customer.owner)
            if number % 5 == 1:
                self.stage.later_scene(moment + timedelta(hours=5), self._losing(customer, by="member"), customer.owner)

    def _quiet_since(self, customer: Customer) -> datetime:
        assert customer.silent_from is not None
        return max(customer.silent_from, customer.added_at + timedelta(days=8))

    def _losing(self, customer: Customer, by: str = "contact") -> Scene:
        def scene(actor: Actor) -> None:
            contact = Contact.objects.get(external_userid=customer.external_userid)
            assert actor.member is not None
            end_follow(actor, contact=contact, member=actor.member, by=by)

        return scene

    def _load_history(self, moment: datetime, start: datetime, end: datetime) -> None:
        day = f"{start:%Y%m%d}"
        orders = purchase_rows(self.customers, "LY", start, end)
        talks = interaction_rows(self.customers, start, end)
        self.stage.load(moment, "purchases", f"商城订单_{day}.csv", PURCHASE_COLUMNS, orders)
        self.stage.load(moment, "interactions", f"会话记录_{day}.csv", INTERACTION_COLUMNS, talks)

    def _plan_list_with_faults(self) -> None:
        """A list from an event, as lists from events are: the report tells what is wrong with which line."""
        known = self.random.sample([each for each in self.customers if each.faithful(self.today)], 26)
        rows = [(each.external_userid, each.name, each.phone, "沙龙到店", each.owner, "") for each in known]
        when = f"{self.today - timedelta(days=3):%Y-%m-%d}"
        rows[4:4] = [("", "没有编号的客人", "", "沙龙到店", "", when), ("wm 空格", "李姐", "", "", "", when)]
        rows[11:11] = [("wmsalon0001", "王女士", "", "沙龙到店", "zhangsan", when), rows[2]]
        rows[19:19] = [
            ("wmsalon0002", "陈小姐", "", "沙龙到店", "yesiqi", "31.12.2025"),
            ("wmsalon0003", "赵先生", "电话不详", "", "yesiqi", when),
            ("wmsalon0004", "周姐", "", "", "yesiqi", "2999-01-01"),
        ]
        moment = self.today - timedelta(days=2) + timedelta(hours=11)
        self._later_load(moment, "contacts", "会员沙龙签到.csv", EVENT_COLUMNS, rows, OPERATIONS)

    def _later_load(
        self, moment: datetime, kind: str, file: str, header: Any, rows: Any, userid: str = "admin"
    ) -> None:
        self.stage.later(moment, lambda: self.stage.load(moment, kind, file, header, rows, userid=userid))

    @staticmethod
    def _resigning(actor: Actor) -> None:
        resign_member(actor, member=Member.objects.get(userid=RESIGNED))

    def _reporting(self, actor: Actor) -> None:
        """WeCom counts a few more: those archived lately are not released there yet (Q2)."""
        served = Account.objects.get().served
        record_platform_served(actor, served=served + self.size.not_released_yet)

    def _quarters(self) -> Iterator[tuple[datetime, datetime]]:
        """Six stretches of thirteen weeks; the last one leaves a week for the end."""
        for number in range(0, WEEKS, QUARTER):
            start = self.first + timedelta(weeks=number)
            yield start, start + timedelta(weeks=QUARTER if number + QUARTER < WEEKS else QUARTER - 1)

    # --- The end ------------------------------------------------------------------------------------------

    def end(self) -> None:
        """What happened in the last days, and the night's work."""
        self.say(f"{NAME}: the last days, grades, silence")
        self._load_history(self.now, self.today - timedelta(weeks=1), self.today)
        campaigns.end(self.stage, now=self.now)
        shares.divide(self.stage, self.today, tier=self.size.tier, regions=SIZES, leaders=REGIONS)
        shares.compare(self.stage, self.now, not_released=self.size.not_released_yet)
        self.stage.nightly(self.now, "contacts.grade", "contacts.tag_inactive", "quota.verify", "quota.forecast")
        care.end(self.stage, now=self.now)
        alerts.end(self.stage, now=self.now)
        hand_overs.end(self.stage, now=self.now)


def _season(day: datetime) -> float:
    """The trade's year: 618 and Double Eleven bring most, the spring festival least."""
    return {2: 0.7, 6: 1.5, 11: 1.6, 12: 1.1}.get(day.month, 1.0)
