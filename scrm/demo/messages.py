"""What the platform writes to its partners: sent, scheduled, and still a draft; some of it is read."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from common import clock
from scrm.demo.stage import Stage
from upstream.models import Message, MessageDelivery, PartnerContact, Series, Space, Subgroup
from upstream.services import messages, workbench
from upstream.services.messages import JOB

READERS = 45


def write_messages(stage: Stage, now: datetime) -> None:
    """By the services; who reads does it in their workbench, by their own link."""
    chance = Random("启衡 消息")  # noqa: S311 - a story; a chance of its own leaves the rest as it was
    with stage.scene(now - timedelta(days=14)) as actor:
        brands, buyers, bloggers = (Space.objects.get(name=f"启衡·{name}") for name in ("品牌方", "采购商", "博主"))
        first = Subgroup.objects.get(space=buyers, name="销售一组")
        series = Series.objects.get(name="启衡·媒体")
        people = list(PartnerContact.objects.exclude(person__phone="").select_related("person").order_by("id"))
        links = {
            seat.person_id: workbench.issue_link(actor, seat=seat)
            for seat in chance.sample(people, min(READERS, len(people)))
        }
    _send(
        stage,
        now - timedelta(days=12),
        kind="link",
        title="2026 春季订货会邀请",
        text="您好！春季订货会定于下月 18 日在上海举行，点击链接可查看议程并登记到场人数。",
        url="https://qiheng.example/spring",
        audience={"spaces": [brands.pk, buyers.pk]},
    )
    _send(
        stage,
        now - timedelta(days=6),
        title="华东区运费调整说明",
        text="自下月起，华东区满 3 000 元包邮；偏远地区运费不变。有疑问请联系您的对接人。",
        audience={"subgroups": [first.pk]},
    )
    _send(
        stage,
        now - timedelta(days=3),
        kind="link",
        title="新品素材包已更新",
        text="包含产品图、参数表和三段短视频，可直接用于报道。",
        url="https://qiheng.example/press",
        audience={"series": [series.pk]},
    )
    _read(stage, chance, now, links)
    with stage.scene(now - timedelta(hours=2)) as actor:
        planned = messages.create_message(
            actor, title="双十二选题排期", text="请在本周五前回复可用档期。", audience={"spaces": [bloggers.pk]}
        )
        messages.send(actor, message=planned, at=(now + timedelta(days=2)).replace(minute=0, second=0, microsecond=0))
        messages.create_message(
            actor,
            title="年度框架协议续签提醒",
            text="协议将于年底到期，续签文本已放在工作台“2026 年度框架协议”。",
            audience={"spaces": [brands.pk], "leaders": True},
        )


def _send(stage: Stage, moment: datetime, **content: Any) -> None:
    with stage.scene(moment) as actor:
        messages.send(actor, message=messages.create_message(actor, **content))
    stage.catch_up(moment, JOB)


def _read(stage: Stage, chance: Random, now: datetime, links: dict[Any, Any]) -> None:
    """Most of those who have a link open what came, and some go on to where it leads."""
    with stage.scene(now):
        came = MessageDelivery.objects.filter(person__in=links).select_related("message").order_by("delivered_at", "id")
        letters = [(one.person_id, one.message, one.delivered_at) for one in came if one.delivered_at]
        phones = {link.person_id: link.person.phone for link in links.values()}
    firm = stage.enterprise.code
    proofs = {
        person: workbench.unlock(firm, link.code, digits=phones[person][-workbench.DIGITS :])
        for person, link in links.items()
    }
    for person, message, delivered in letters:
        mood = chance.random()
        if mood > 0.75:
            continue
        with clock.at(min(now, delivered + timedelta(minutes=chance.randint(5, 2_000)))):
            known = {"proof": proofs[person], "message": message.pk}
            if mood < 0.4 and message.kind != Message.Kind.TEXT:
                workbench.follow_message(firm, links[person].code, **known)
            else:
                workbench.read_message(firm, links[person].code, **known)
