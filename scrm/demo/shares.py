"""How the retailer's scale is divided among its teams (Q12), and compared with WeCom's list (Q2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from contacts.models import Contact
from contacts.rules import Status
from enterprises.models import Department, Member
from quota.models import Budget
from quota.services import create_budget, request_loan, set_reserve
from scrm.demo.stage import Stage


def divide(
    stage: Stage, today: datetime, *, tier: int, regions: Mapping[str, float], leaders: Mapping[str, Sequence[str]]
) -> None:
    """Two weeks ago the regions were given their shares; the smallest asks the largest for places."""
    smallest, largest = min(regions, key=lambda name: regions[name]), max(regions, key=lambda name: regions[name])
    budgets: dict[str, Budget] = {}
    with stage.scene(today - timedelta(days=14)) as actor:
        for name, share in {"销售中心": 1.0, **regions}.items():
            places = int(tier * 0.97 * share) // 10 * 10
            department = Department.objects.get(name=name)
            budgets[name] = create_budget(actor, department=department, places=places)
        set_reserve(actor, places=30, departments=[budgets[largest].department], sources=["会员沙龙"])
    with stage.scene(today - timedelta(days=1), leaders[smallest][0].split()[1]) as leader:
        reason = "新店开业，预计新增客户较多"
        request_loan(leader, borrower=budgets[smallest], lender=budgets[largest], places=20, reason=reason)


def compare(stage: Stage, now: datetime, *, not_released: int) -> None:
    """WeCom's list: some whom we archived are there still, two are unknown here, and two unknown there."""
    with stage.scene(now):
        active = Contact.objects.filter(status=Status.ACTIVE).order_by("added_at", "id")
        released_late = Contact.objects.filter(status=Status.ARCHIVED).order_by("-archived_at", "id")
        owners = dict(Member.objects.values_list("pk", "userid"))
        listed = [*active[2:], *released_late[:not_released]]
        rows = [(one.external_userid, one.name, owners.get(one.owner_id, ""), "") for one in listed]
    rows += [("wmelse0001", "不知名的客人", "yesiqi", ""), ("wmelse0002", "群里的客人", "", "老客福利群")]
    header = ("外部联系人ID", "姓名", "成员账号", "群名称")
    stage.load(now, "served", "企业微信已服务名单.csv", header, rows)
