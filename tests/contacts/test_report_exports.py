"""Reports as files: losses (C4) and the use of tags (C13): same rows as their pages, by the writer of all exports."""

import csv
import io
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from common.errors import Forbidden, Invalid
from common.ids import made_at
from common.tenancy import tenant
from contacts.files.readers import open_table
from contacts.models import Follow, Tag, TagRule
from contacts.services import report_exports
from contacts.services.relations import end_follow
from contacts.services.tags import create_tag_group, tag_contact
from enterprises.models import AuditEntry, Member, Role
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LOSSES = ["外部联系人 ID", "姓名", "负责人", "成员", "谁删除的", "标签", "来源", "添加时间", "结束时间", "在册天数"]


@pytest.fixture(autouse=True)
def noon():
    with clock.at(NOON):
        yield


def done(enterprise, run):
    """The run as it ended."""
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.error) == ("done", None)
    return ended


def lines(run):
    with default_storage.open(run.report) as file:
        return list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"))))


@pytest.fixture
def lost(enterprise):
    """Anna's 王小明, who deleted her; Bob's =1+1, whom he deleted; one lost long ago, and one who is there."""
    with tenant(enterprise.pk):
        anna, bob = (factories.actor(enterprise, factories.member(name)) for name in ("Anna", "Bob"))
        group = create_tag_group(factories.super_admin(enterprise), name="行业", tags=["媒体", "零售"])
        kept = {"added_at": NOON - 9 * DAY}
        wang = factories.contact(anna, name="王小明", external_userid="wm1", source="scan_qr", **kept)
        tag_contact(anna, contact=wang, add=list(group.tags.all()))
        odd = factories.contact(bob, name="=1+1", external_userid="wm2", remark="=2+2", source="展会", **kept)
        old = factories.contact(anna, name="老李", external_userid="wm3", added_at=NOON - 90 * DAY)
        factories.contact(anna, name="还在", external_userid="wm4")
        for actor, contact, by, at in ((anna, wang, "contact", NOON), (bob, odd, "member", NOON - DAY)):
            end_follow(actor, contact=contact, member=actor.member, by=by, at=at)
        end_follow(anna, contact=old, member=anna.member, by="contact", at=NOON - 60 * DAY)
    return anna, bob


def start(enterprise, actor=None, **asked):
    with tenant(enterprise.pk):
        return report_exports.start_losses(actor or factories.super_admin(enterprise), **asked)


def test_c4_losses_are_a_file_with_the_rows_of_the_page(enterprise, lost):
    run = done(enterprise, start(enterprise))
    assert run.report_name.startswith("流失-") and run.report_name.endswith(".csv")
    assert run.result == {"rows": 2}
    wang = ["wm1", "王小明", "Anna", "Anna", "客户删除了成员", "媒体; 零售", "扫描二维码"]
    odd = ["wm2", "'=2+2", "Bob", "Bob", "成员删除了客户", "", "展会"]
    assert lines(run) == [
        LOSSES,
        [*wang, local(NOON - 9 * DAY), local(NOON), "9"],
        [*odd, local(NOON - 9 * DAY), local(NOON - DAY), "8"],
    ]
    with tenant(enterprise.pk):
        entry = AuditEntry.objects.get(action="contacts.exported")
        days = {"from": f"{NOON - 29 * DAY:%Y-%m-%d}", "to": f"{NOON:%Y-%m-%d}"}
        assert entry.after == {"filter": days, "format": "csv", "rows": 2}
        assert (entry.subject_id, entry.subject_label) == (run.pk, run.report_name)


def local(moment):
    return f"{moment + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"


def test_c4_the_file_follows_the_filter_and_the_day_it_was_asked_for(enterprise, lost):
    def found(**filter):
        return [row[0] for row in lines(done(enterprise, start(enterprise, filter=filter)))[1:]]

    assert found(by="contact") == found(source="scan_qr") == found(member=str(lost[0].member_id)) == ["wm1"]
    assert found(**{"from": f"{NOON - 70 * DAY:%Y-%m-%d}", "by": "", "source": ""}) == ["wm1", "wm2", "wm3"]
    run = start(enterprise)
    with clock.at(NOON + 40 * DAY):
        assert len(lines(done(enterprise, run))) == 3


def test_c4_o5_the_file_has_the_losses_of_contacts_that_one_sees(enterprise, lost):
    anna, _bob = lost
    with tenant(enterprise.pk):
        role = factories.role("contacts.view", "contacts.export", scope="related")
        Member.objects.filter(pk=anna.member_id).update(role=role)
        actor = factories.actor(enterprise, Member.objects.get(pk=anna.member_id))
    assert [row[0] for row in lines(done(enterprise, start(enterprise, actor)))[1:]] == ["wm1"]


def test_c4_a_workbook_runs_no_formula(enterprise, lost):
    run = done(enterprise, start(enterprise, format="xlsx"))
    with default_storage.open(run.report) as file, open_table(file, run.report) as table:
        assert (table.header, [cells[1] for _line, cells in next(table.batches(9)).rows]) == (
            LOSSES,
            ["王小明", "=2+2"],
        )


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"format": "pdf"}, "format"),
        ({"filter": {"colour": "red"}}, "colour"),
        ({"filter": {"from": "x"}}, "from"),
        ({"filter": {"by": "nobody"}}, "by"),
        ({"filter": {"from": "2026-02-02", "to": "2026-02-01"}}, "from"),
    ],
)
def test_c4_what_makes_no_sense_is_refused_and_queues_nothing(enterprise, asked, field):
    with pytest.raises(Invalid) as refusal:
        start(enterprise, **asked)
    assert list(refusal.value.errors) == [field]
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_c4_who_may_not_export_gets_no_file_not_even_of_a_job_that_was_asked_for_before(enterprise, lost):
    with tenant(enterprise.pk):
        role = factories.role("contacts.view", "contacts.export", scope="all")
        member = factories.member(role=role)
        run = report_exports.start_losses(factories.actor(enterprise, member))
        Role.objects.filter(pk=role.pk).update(permissions=["contacts.view"])
        with pytest.raises(Forbidden):
            report_exports.start_losses(factories.actor(enterprise, Member.objects.get(pk=member.pk)))
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.error["code"], ended.report) == ("failed", "forbidden", "")
    with tenant(enterprise.pk):
        assert not AuditEntry.objects.filter(action="contacts.exported").exists()


def test_c4_the_file_takes_a_constant_number_of_queries(enterprise):
    counts = []
    for total in (1, 3):
        with tenant(enterprise.pk):
            actor = factories.super_admin(enterprise)
            while Follow.objects.exclude(state="active").count() < total:
                end_follow(actor, contact=factories.contact(actor), member=actor.member, by="contact")
        run = start(enterprise)
        with CaptureQueriesContext(connection) as queries:
            assert done(enterprise, run).result == {"rows": total}
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_c4_x1_the_page_and_the_api_export_what_they_show(browser, enterprise, lost):
    page = browser.get(f"/e/{enterprise.code}/losses/?by=contact&member=").content.decode()
    action = f"/e/{enterprise.code}/losses/export/?by=contact&amp;member="
    assert f'<form method="post" action="{action}" data-again>' in page
    answer = browser.post(action.replace("&amp;", "&"), {"format": "xlsx"})
    body = {"filter": {"by": "contact"}, "format": "csv"}
    asked = factories.api_client(enterprise).post("/api/v1/losses/export", body, content_type="application/json")
    assert asked.status_code == 202
    with tenant(enterprise.pk):
        by_page, by_api = JobRun.objects.order_by("id")
        assert answer["Location"] == f"/e/{enterprise.code}/jobs/{by_page.pk}/" and asked.json()["job"] == str(
            by_api.pk
        )
        assert (by_page.params["filter"]["by"], by_page.params["format"]) == ("contact", "xlsx")
        assert by_page.params["filter"] == by_api.params["filter"]
    wrong = browser.get(f"/e/{enterprise.code}/losses/?from=x")
    assert wrong.status_code == 400 and "losses/export" not in wrong.content.decode()


# --- Tags ---------------------------------------------------------------------------------------------------


def test_c13_the_use_of_tags_is_a_file_the_dead_ones_first(browser, enterprise, lost):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        create_tag_group(admin, name="=群", tags=["没人用", "有规则"])
        ruled = Tag.objects.get(name="有规则")
        TagRule.objects.create(name="规则一", conditions={"grade": ["low"]}, effect="tag", tag=ruled, active=True)
        worn = [local(made_at(Tag.objects.get(name=name).taggings.get().pk)) for name in ("媒体", "零售")]
    answer = browser.post(f"/e/{enterprise.code}/tags/report/export/", {"format": "csv"})
    with tenant(enterprise.pk):
        run = JobRun.objects.get(name=report_exports.TAGS)
        assert answer["Location"] == f"/e/{enterprise.code}/jobs/{run.pk}/"
    header, *rows = lines(done(enterprise, run))
    assert header == ["标签组", "标签", "客户", "最近一次打标", "闲置", "规则"]
    assert rows[0] == ["'=群", "没人用", "0", "", "是", ""]
    assert [row[:3] + row[4:] for row in rows[1:]] == [
        ["'=群", "有规则", "0", "", "规则一"],
        ["行业", "媒体", "1", "", ""],
        ["行业", "零售", "1", "", ""],
    ]
    assert [row[3] for row in rows] == ["", "", *worn]
    with tenant(enterprise.pk):
        assert AuditEntry.objects.get(action="contacts.exported").after == {"format": "csv", "rows": 4}


def test_c13_o5_the_use_of_tags_is_for_who_sees_every_contact(enterprise):
    with tenant(enterprise.pk):
        role = factories.role("contacts.view", "tags.manage", scope="departments")
        with pytest.raises(Forbidden):
            report_exports.start_tags(factories.actor(enterprise, factories.member(role=role)))
        with pytest.raises(Invalid):
            report_exports.start_tags(factories.super_admin(enterprise), format="pdf")
        assert not JobRun.objects.exists()
