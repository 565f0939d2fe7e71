"""X3: what an entry of the audit trail says is read by people: no names of fields, no codes, no ids."""

import pytest
from django.utils import timezone
from django.utils.translation import override

from common.ids import uuid7
from console.templatetags.audit import changes, subject_name
from enterprises.models import AuditEntry

pytestmark = pytest.mark.usefixtures("_zone")


@pytest.fixture
def _zone():
    with timezone.override("Asia/Shanghai"):
        yield


def entry(before=None, after=None, **about):
    return AuditEntry(enterprise_id=uuid7(), before=before or {}, after=after or {}, **about)


def read(before=None, after=None, **about):
    with override("zh-hans"):
        return [(str(one.name), one.before, one.after) for one in changes(entry(before, after, **about))]


def test_x3_names_are_the_fields_and_values_their_words():
    assert read({"status": "active"}, {"status": "lost"}, subject_type="contact") == [("状态", "正常", "已流失")]
    assert read(after={"external_userid": "wm1", "source": "link"}, subject_type="contact") == [
        ("来源", "—", "获客链接"),
        ("外部联系人 ID", "—", "wm1"),
    ]
    assert read(after={"kind": "on_job", "contacts": 60, "groups": 0}, subject_type="transfer") == [
        ("类型", "—", "在职继承"),
        ("客户", "—", "60"),
    ]


def test_x3_moments_are_the_enterprises():
    assert read(after={"platform_at": "2026-11-26T04:07:18.489701+00:00"}) == [("截至", "—", "2026-11-26 12:07")]


def test_x3_ids_and_nothing_are_left_out():
    assert read({"remark": ""}, {"remark": None, "merge": str(uuid7()), "gone": "wm2"}, subject_type="contact") == [
        ("被合并客户", "—", "wm2")
    ]
    assert read(after={"reserve_departments": [str(uuid7()), str(uuid7())]}, subject_type="account")[0][2] == "2"


def test_x3_of_a_jobs_parameters_what_people_know():
    params = {"kind": "purchases", "size": 12, "columns": {"amount": 3}, "on_full": "refuse", "filename": "订单.csv"}
    [(name, _before, after)] = read(after={"params": params})
    assert (name, after) == ("详情", "类型 消费记录 · 字节数 12 · 文件 订单.csv")
    with override("zh-hans"):
        assert str(subject_name(entry(subject_type="job", subject_label="contacts.import"))) == "导入文件"
