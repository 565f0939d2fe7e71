"""Members and departments from files: guessed columns, refused rows, repeated files, the actor's own limits."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.errors import Forbidden, Invalid
from common.formulas import looks_like_formula
from enterprises.models import AuditEntry, Department, Member
from enterprises.people_files import Kind, read, write
from enterprises.services import departments
from enterprises.services.people_import import import_people
from tests import factories

pytestmark = pytest.mark.django_db
MEMBERS = """账号,姓名,邮箱,部门,角色,备注
wang,王小明,wang@example.com,华南/深圳,员工,x
li,李雷,li@example.com,华南,分级管理员,
"""


def run(actor, text, kind=Kind.MEMBERS, **kwargs):
    return import_people(actor, kind=kind, data=text.encode(), **kwargs)


def test_chinese_headers_make_members_and_their_departments(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        report = run(actor, MEMBERS)
        assert (report.created, report.unchanged, report.refused) == (["王小明", "李雷"], 0, [])
        assert report.table.headers["department"] == "部门" and report.table.ignored == ["备注"]
        wang = Member.objects.get(userid="wang")
        assert departments.paths()[wang.department_id] == "华南/深圳"
        assert Member.objects.get(userid="li").role.builtin == "graded_admin"
        entry = AuditEntry.objects.get(action="people.imported")
        assert entry.after == {"rows": 2, "created": 2, "updated": 0, "unchanged": 0, "refused": 0}


def test_the_same_file_again_changes_nothing(enterprise, scope, django_assert_max_num_queries):
    with scope():
        actor = factories.super_admin(enterprise)
        run(actor, MEMBERS)
        versions = list(Member.objects.order_by("id").values_list("version", flat=True))
        with django_assert_max_num_queries(12):
            again = run(actor, MEMBERS)
        assert (again.created, again.updated, again.unchanged) == ([], [], 2)
        assert list(Member.objects.order_by("id").values_list("version", flat=True)) == versions
        changed = run(actor, "USERID;Name;E-mail\nWANG;王大明;\n")  # an empty cell leaves what is there
        assert changed.updated == ["王大明"]
        wang = Member.objects.get(userid="wang")
        assert (wang.name, wang.email) == ("王大明", "wang@example.com")


def test_a_dry_run_tells_and_leaves_nothing(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        before = AuditEntry.objects.count()
        report = run(actor, MEMBERS, dry_run=True)
        assert (len(report.created), report.dry_run) == (2, True)
        assert (Member.objects.count(), Department.objects.count()) == (1, 0)
        assert AuditEntry.objects.count() == before


def test_refused_rows_say_why_and_keep_nobody_out(enterprise, scope):
    text = (
        "userid,name,email,department,role\n"
        "a,甲,,,\n"
        "A,甲二,,,\n"
        "b b,乙,,,\n"
        "c,,,,\n"
        "d,丁,nonsense,,\n"
        "e,戊,,新部门/下面,不存在\n"
        "f,己,,,\n"
        "g,庚,,,\n"
    )
    with scope():
        actor = factories.super_admin(enterprise)
        gone = factories.member()
        Member.objects.filter(pk=gone.pk).update(status="resigned", userid="g")
        report = run(actor, text)
        assert report.created == ["甲", "己"]
        assert [(one.line, one.key) for one in report.refused] == [
            (3, "A"),
            (4, "b b"),
            (5, "c"),
            (6, "d"),
            (7, "e"),
            (9, "g"),
        ]
        assert all(one.reason for one in report.refused)
        assert not Department.objects.exists()  # what a refused row had made went with it


def test_departments_with_leaders_in_any_order(enterprise, scope):
    text = "部门路径,负责人,排序\n华南/深圳,wang,2\n华南,WANG@example.com,1\n华北,,\n华东,nobody,\n"
    with scope():
        actor = factories.super_admin(enterprise)
        run(actor, "userid,name,email\nwang,王,wang@example.com\n")
        report = run(actor, text, Kind.DEPARTMENTS)
        assert report.created == ["华南", "华北", "华南/深圳"]
        assert [one.line for one in report.refused] == [5]
        shown = Department.objects.order_by("name").values_list("name", "leader__userid", "position")
        assert set(shown) == {("华南", "wang", 1), ("深圳", "wang", 2), ("华北", None, 0)}
        again = run(actor, text, Kind.DEPARTMENTS)
        assert (again.created, again.updated, again.unchanged) == ([], [], 3)


def test_o4_a_file_reaches_no_farther_than_its_sender(enterprise, scope):
    with scope():
        root = factories.super_admin(enterprise)
        south = departments.create_department(root, name="华南")
        departments.create_department(root, name="华北")
        role = factories.role("members.view", "members.manage", scope="departments")
        actor = factories.acting(enterprise, factories.member(role=role, ranges=[south]))
        role.name = "同级"
        role.save()
        report = run(
            actor,
            "userid,name,department,role\na,甲,华南/一组,同级\nb,乙,华北,同级\nc,丙,华南,超级管理员\nd,丁,,同级\n",
        )
        assert report.created == ["甲"]
        assert [one.line for one in report.refused] == [3, 4, 5]
        with pytest.raises(Forbidden):
            run(factories.acting(enterprise, factories.member()), MEMBERS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"name\n\xe7\x8e\x8b",
        b"\x00\x01\x02",
        b"\xff\xfe\xff",
        b"userid,name\na,b\n" * 2000,
        b"userid,name\n" + b"x" * (1024 * 1024),
        b'userid,name\na,"open\nb,c\n',
    ],
    ids=["empty", "no account", "binary", "encoding", "rows", "bytes", "quotes"],
)
def test_files_that_cannot_be_used(data):
    with pytest.raises(Invalid) as refused:
        read(data, Kind.MEMBERS)
    assert refused.value.code == "file_refused" and "file" in refused.value.errors


def test_encodings_delimiters_and_lines():
    for data in (
        "账号\t姓名\nwang\t王".encode("gb18030"),
        "\ufeffaccount;Full Name\r\n\r\nwang;王\r\n".encode(),
        'userid,name\n"wang","王"\n'.encode(),
    ):
        [row] = read(data, Kind.MEMBERS).rows
        assert row.cells == {"userid": "wang", "name": "王"}
    lines = [row.line for row in read(b'userid,name\na,"two\nlines"\n\nb,c\n', Kind.MEMBERS).rows]
    assert lines == [2, 5]


def test_written_files_are_harmless_in_spreadsheets():
    data = write(["line", "reason"], [[2, "=cmd()"], [3, "@x"]])
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) == [
        ["line", "reason"],
        ["2", "'=cmd()"],
        ["3", "'@x"],
    ]


def test_by_rest(api, scope):
    def send(path, **fields):
        return api.post(path, {"file": SimpleUploadedFile("people.csv", MEMBERS.encode()), **fields})

    dry = send("/api/v1/members/import", dry_run="true").json()
    assert (dry["created"], dry["refused"], dry["dry_run"]) == (2, 0, True)
    done = send("/api/v1/members/import").json()
    assert (done["created"], done["columns"]["userid"]) == (2, "账号")
    assert send("/api/v1/members/import").json()["unchanged"] == 2
    refused = send("/api/v1/departments/import").json()
    assert (refused["unchanged"], refused["created"]) == (2, 0)  # 部门 is the path there
    wrong = api.post("/api/v1/members/import", {"file": SimpleUploadedFile("x.csv", b"a,b\n")})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "file_refused")
    with scope():
        assert Member.objects.count() == 3


@pytest.mark.parametrize(
    "name", ["=1+1", "@SUM(A1)", "＝1+1", "'=1", "-2+3", "<b>王</b>", "小🎉明", "𠮷野家", "محمد", "王"]
)
def test_c12_names_survive_a_file_of_people_that_runs_nothing(name):
    content = write(["userid", "name"], [["u1", name]])
    cells = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1]
    assert not looks_like_formula(cells[1]) or cells[1].startswith("'")
    assert [row.cells["name"] for row in read(content, Kind.MEMBERS).rows] == [name]
