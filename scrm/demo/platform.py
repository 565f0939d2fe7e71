"""The story of a B2B platform: two teams, few customers, each of them worth much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from contacts.services.tags import create_tag_group
from enterprises.services import zone
from scrm.demo import names
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
from scrm.demo.messages import write_messages
from scrm.demo.spaces import open_spaces
from scrm.demo.stage import Person, Stage

NAME = "启衡工业品平台"
DOMAIN = "qiheng.example"
ADMIN = f"admin@{DOMAIN}"
CUSTOMERS = 46
WEEKS = 40

PEOPLE = (
    Person("fanlihua", "范立华", "大客户部", leads=True, manages=("大客户部",), logs_in=True),
    Person("shaoyifan", "邵一帆", "大客户部"),
    Person("wanxinyue", "万欣悦", "大客户部"),
    Person("songkai", "宋凯", "渠道部", leads=True, manages=("渠道部",)),
    Person("jiayutong", "贾雨桐", "渠道部"),
)
HABITS = (
    Habit(share=0.3, orders=9, spend=8600, talks=30, falls_silent=0.0),
    Habit(share=0.4, orders=3, spend=2400, talks=12, falls_silent=0.1),
    Habit(share=0.3, orders=0.0, spend=0, talks=5, falls_silent=0.4),
)
TAGS = {"客户类型": ("终端工厂", "经销商", "系统集成商"), "合作阶段": ("意向", "试单", "签约", "战略合作")}


def play(now: datetime, password: str, say: Callable[[str], None]) -> Stage:
    """Make the enterprise, its people and its customers."""
    say(f"{NAME}: {CUSTOMERS} customers")
    random = Random("启衡 2026")  # noqa: S311 - a story, not a secret
    began = now - timedelta(weeks=WEEKS)
    stage = Stage.open(began, name=NAME, admin=ADMIN, person="骆明远", password=password)
    today = now.astimezone(zone(stage.enterprise)).replace(hour=0, minute=0, second=0, microsecond=0)
    stage.employ(began + timedelta(hours=1), {"大客户部": "", "渠道部": ""}, PEOPLE)
    with stage.scene(began + timedelta(hours=4)) as actor:
        for position, (group, tags) in enumerate(TAGS.items()):
            create_tag_group(actor, name=group, tags=tags, position=position)
    customers = [_customer(random, today) for _each in range(CUSTOMERS)]
    first = today - timedelta(weeks=WEEKS)
    for number in range(4):
        start, end = (first + timedelta(weeks=WEEKS // 4 * step) for step in (number, number + 1))
        new = [each.row() for each in sorted(customers, key=lambda one: one.added_at) if start <= each.added_at < end]
        moment = min(end + timedelta(hours=9), now)
        day = f"{start:%Y%m%d}"
        orders, talks = purchase_rows(customers, "QH", start, end), interaction_rows(customers, start, end)
        stage.load(moment, "contacts", f"客户名单_{day}.csv", CONTACT_COLUMNS, new)
        stage.load(moment, "purchases", f"订单_{day}.csv", PURCHASE_COLUMNS, orders)
        stage.load(moment, "interactions", f"会话记录_{day}.csv", INTERACTION_COLUMNS, talks)
    open_spaces(stage, random, now)
    write_messages(stage, now)
    stage.nightly(now, "contacts.grade", "contacts.tag_inactive", "quota.verify", "quota.forecast")
    return stage


def _customer(random: Random, today: datetime) -> Customer:
    day = today - timedelta(days=random.randint(2, WEEKS * 7 - 3))
    city = random.choice(names.CITIES[random.choice(list(names.CITIES))].split())
    customer = Customer(
        names.external_userid(random),
        names.person(random, 0.4),
        random.choice(PEOPLE).userid,
        open_hours(random, day),
        habit(random, HABITS),
        kind="企业微信" if random.random() < 0.6 else "微信",
        company=names.industrial_company(random, city),
        phone=names.phone(random),
        tags=[random.choice(tags) for tags in TAGS.values()],
    )
    customer.remark = f"{customer.company[:4]} {customer.name[0]}{random.choice(('总', '经理', '工', '采购'))}"
    live(random, customer, today)
    return customer
