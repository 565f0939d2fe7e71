"""What members write down about customers and plan with them, tags that rules keep, and a clean-up that owners may
still object to (C8, C13, C14)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random

from django.core.files.base import ContentFile

from contacts.models import CleanUp, Contact, FollowUp, Tag
from contacts.rules import FollowUpKind, TagEffect
from contacts.services import attachments, cleanups, follow_ups, tag_rules
from contacts.services.tags import create_tag_group
from enterprises.actors import Actor
from scrm.demo.customers import Customer
from scrm.demo.stage import Stage

COLOURS = {"客户来源": "cyan", "会员等级": "orange", "肤质": "green", "偏好": "purple"}
CARE = "自动维护"
# Rules and the tags that they keep: name, tag, conditions.
RULES = (
    ("高价值客户重点维护", "重点维护", {"grade": ["high"], "status": ["active"]}),
    ("买过但 60 天没有音讯", "待唤醒", {"spend_from": 500, "silent_days": 60, "status": ["active"]}),
    ("认识一个月还没有买过", "首单培育", {"known_days": 30, "spend_below": 1, "inactive": False, "status": ["active"]}),
)
# What was done, what is to be done next.
Told = tuple[FollowUpKind, str, str]
TALKS: tuple[Told, ...] = (
    (FollowUpKind.CALL, "电话回访，面霜用着不错，想了解同系列精华。", "寄精华小样并确认收到"),
    (FollowUpKind.MESSAGE, "发了新品图册，对香氛礼盒感兴趣，等老公生日下单。", "生日前一周提醒礼盒预订"),
    (FollowUpKind.VISIT, "到店做了皮肤检测，偏干、T 区敏感，推荐舒缓系列。", "两周后复测，带上检测报告"),
    (FollowUpKind.OFFER, "报了老客双十一套装价，觉得赠品太少。", "申请加赠旅行装后再回复"),
    (FollowUpKind.SERVICE, "收到的粉底色号偏深，已安排换货。", "确认换货已签收"),
    (FollowUpKind.MEETING, "会员沙龙上聊了抗初老方案，留了体验预约。", "到店体验前一天提醒"),
    (FollowUpKind.NOTE, "喜欢晚上八点后联系，白天在医院上班。", "晚上八点后问一下换季护肤"),
)
PLAN = "舒缓护理方案.txt"
PLAN_TEXT = "晨：温和洁面、舒缓精华、防晒\n晚：卸妆油、修护面霜，每周两次面膜\n"
# Days from today until the next date, at ten; a part of a day: when that part of what is left of today has passed.
NEXT = (-6, -3, -1, 0.5, 0.75, 1, 2, 3, 5, 8, 13, 20)


def plan(
    stage: Stage, customers: Sequence[Customer], sellers: Sequence[str], *, now: datetime, today: datetime
) -> None:
    """Put follow-ups of these members, and the clean-up that `OPERATIONS` announces, into the story."""
    random = Random("澜语 跟进")  # noqa: S311 - a story; a chance of its own leaves the rest as it was
    for number, seller in enumerate(sellers):
        known = [each for each in customers if each.owner == seller and each.faithful(today - timedelta(days=20))]
        for step, customer in enumerate(random.sample(known, min(len(NEXT) if number == 0 else 3, len(known)))):
            days = NEXT[step] if number == 0 else random.choice(NEXT)
            written = (
                today - timedelta(days=random.randint(7, 18)) + timedelta(hours=10, minutes=random.randint(0, 500))
            )
            next_at = today + timedelta(days=days, hours=10)
            if isinstance(days, float):
                next_at = now + days * (today + timedelta(days=1) - now)
            told = random.choice(TALKS)
            stage.later_scene(written, partial(_write, customer, told, next_at, step == 0), seller)
            if days < 0 and step % 2 == 0 and number:
                stage.later_scene(next_at + timedelta(hours=1), partial(_do, customer), seller)
    stage.later_scene(today - timedelta(days=2) + timedelta(hours=9), _announce, "admin")
    stage.later_scene(today - timedelta(days=1) + timedelta(hours=11), _keep, sellers[0])


def end(stage: Stage, *, now: datetime) -> None:
    """The night's work: rules, warnings, and what members were reminded of."""
    stage.nightly(now, "contacts.tag_rules", "contacts.warn_silence", "contacts.remind")


def make_rules(actor: Actor) -> None:
    """The tags that nobody has to put on by hand, and the rules that keep them."""
    create_tag_group(actor, name=CARE, tags=[tag for _name, tag, _conditions in RULES], position=9, colour="blue")
    for name, tag, conditions in RULES:
        tag_rules.save(
            actor,
            name=name,
            conditions=conditions,
            effect=TagEffect.KEEP,
            tag=Tag.objects.get(name=tag, group__name=CARE),
            active=True,
        )


def _write(customer: Customer, told: Told, next_at: datetime, file: bool, actor: Actor) -> None:
    kind, done, todo = told
    contact = Contact.objects.get(external_userid=customer.external_userid)
    if contact.owner_id != actor.member_id:
        return  # handed over meanwhile
    made = follow_ups.write(actor, contact=contact, kind=kind, text=f"{done}\n下一步：{todo}。", next_at=next_at)
    if file:
        attachments.attach(actor, follow_up=made, file=ContentFile(PLAN_TEXT.encode(), name=PLAN))


def _do(customer: Customer, actor: Actor) -> None:
    open_ones = FollowUp.objects.filter(contact__external_userid=customer.external_userid, done_at=None)
    for follow_up in open_ones.exclude(next_at=None).select_related("contact"):
        follow_ups.do(actor, follow_up=follow_up)


def _announce(actor: Actor) -> None:
    cleanups.announce(actor, filter={"grade": ["low"]})


def _keep(actor: Actor) -> None:
    round_ = CleanUp.objects.get()
    mine = round_.items.filter(contact__owner_id=actor.member_id).order_by("contact_id")
    cleanups.keep(actor, clean_up=round_, ids=list(mine.values_list("contact_id", flat=True)[:2]))
