"""The console's pages of people and settings: what they show, what they do, and for whom they are not."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from common.tenancy import tenant
from enterprises import permissions
from enterprises.models import ApiToken, AuditEntry, Department, Enterprise, Member, Role
from enterprises.services import SUPER_ADMIN, policy
from enterprises.services import members as services
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(enterprise, client) -> Client:
    """The super admin's browser."""
    with tenant(enterprise.pk):
        user = factories.super_admin(enterprise).member.user
    client.force_login(user)
    client.cookies["language"] = "en"
    return client


@pytest.fixture
def staff(enterprise) -> Client:
    """A browser of somebody without any permission of this area but to look."""
    with tenant(enterprise.pk):
        person = factories.member("Staff")
    browser = Client()
    browser.force_login(person.user)
    browser.cookies["language"] = "en"
    return browser


def url(enterprise: Enterprise, path: str) -> str:
    return f"/e/{enterprise.code}/{path}"


def read(answer, status=200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


# --- Departments --------------------------------------------------------------------------------------------


def test_departments_are_shown_as_a_tree_and_grow(boss, enterprise, scope):
    page = url(enterprise, "departments/")
    assert "There is no department yet" in read(boss.get(page))
    assert boss.post(page, {"name": "华南"}).status_code == 302
    with scope():
        south = Department.objects.get()
    boss.post(page, {"name": "深圳", "parent": str(south.pk), "position": "2"})
    html = read(boss.get(page))
    assert html.index("华南") < html.index("深圳") and 'width="24"' in html
    refused = read(boss.post(page, {"name": "华南", "parent": ""}), 409)
    assert "There is a department of this name already." in refused and 'value="华南"' in refused
    with scope():
        team = Department.objects.get(name="深圳")
    one = url(enterprise, f"departments/{team.pk}/")
    assert "华南" in read(boss.get(one))
    assert boss.post(one, {"name": "深圳组", "parent": ""}).status_code == 302
    with scope():
        assert Department.objects.get(pk=team.pk).parent is None
    assert boss.post(url(enterprise, f"departments/{team.pk}/delete/")).status_code == 302
    with scope():
        assert list(Department.objects.values_list("name", flat=True)) == ["华南"]


def test_what_cannot_be_deleted_says_why(boss, enterprise, scope):
    with scope():
        team = Department.objects.create(name="team")
        factories.member(department=team)
    boss.post(url(enterprise, f"departments/{team.pk}/delete/"))
    assert "Move its departments and members first." in read(boss.get(url(enterprise, "departments/")))


# --- Members ------------------------------------------------------------------------------------------------


def test_the_list_filters_and_pages(boss, enterprise, scope):
    with scope():
        team = Department.objects.create(name="team")
        for number in range(25):
            factories.member(f"Person {number:02}", department=team if number < 3 else None)
    html = read(boss.get(url(enterprise, "members/?page_size=20")))
    assert "Person 00" in html and "Person 24" not in html
    assert "Person 24" in read(boss.get(url(enterprise, "members/?page_size=20&page=2")))
    html = read(boss.get(url(enterprise, f"members/?department={team.pk}")))
    assert len(set(re.findall(r"Person \d\d", html))) == 3
    assert set(re.findall(r"Person \d\d", read(boss.get(url(enterprise, "members/?search=person 07"))))) == {
        "Person 07"
    }
    assert "Nothing matches these filters" in read(boss.get(url(enterprise, "members/?search=nobody")))
    assert "Person" not in read(boss.get(url(enterprise, "members/?role=nonsense")))


def test_a_member_is_added_edited_and_leaves(boss, enterprise, scope):
    with scope():
        graded = Role.objects.get(builtin="graded_admin")
        team = Department.objects.create(name="team")
    new = url(enterprise, "members/new/")
    assert "New member" in read(boss.get(new))
    form = {"name": "王", "userid": "wang", "email": "wang@example.com", "role": str(graded.pk), "invite": "on"}
    form |= {"department": str(team.pk), "ranges": [str(team.pk)]}
    answer = boss.post(new, form)
    assert answer.status_code == 302
    page = answer.headers["Location"]
    html = read(boss.get(page))
    assert "Invite again" in html and "Member created" in html and "Member invited" in html
    assert "this account already" in read(boss.post(new, form), 409)
    assert boss.post(page, {**form, "name": "王小明", "ranges": []}).status_code == 302
    with scope():
        member = Member.objects.get(userid="wang")
        assert (member.name, member.invited_at is not None, member.ranges.count()) == ("王小明", True, 0)
    for action, status in (("disable", "disabled"), ("enable", "active"), ("resign", "resigned")):
        assert boss.post(f"{page}{action}/").status_code == 302
        with scope():
            assert Member.objects.get(pk=member.pk).status == status
    assert "Let in again" in read(boss.get(page))


def test_many_are_invited_at_once(boss, enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        for name in ("a", "b", "c"):
            services.create_member(actor, userid=name, name=name, email=f"{name}@example.com" if name != "c" else "")
        chosen = list(Member.objects.filter(userid__in="ab").values_list("pk", flat=True))
    boss.post(url(enterprise, "members/invite/"), {"ids": [str(chosen[0]), "nonsense"]})
    with scope():
        assert Member.objects.exclude(invited_at=None).count() == 1
    boss.post(url(enterprise, "members/invite/"), {"all": "1", "filter": "joined=false"})
    with scope():
        assert set(Member.objects.exclude(invited_at=None).values_list("userid", flat=True)) == {"a", "b"}


def test_refusals_come_back_into_the_form(boss, enterprise, scope):
    with scope():
        last = factories.super_admin(enterprise).member
        staff = Role.objects.get(builtin="staff")
    form = {"name": last.name, "userid": last.userid, "email": last.email, "role": str(staff.pk)}
    html = read(boss.post(url(enterprise, f"members/{last.pk}/"), form), 409)
    assert "The last super admin must stay" in html
    with scope():
        assert Member.objects.get(pk=last.pk).role.builtin == SUPER_ADMIN


def test_who_does_not_manage_somebody_only_looks(enterprise, scope):
    with scope():
        role = factories.role("members.view", "members.manage")
        manager = factories.member(role=role)
        boss_member = factories.super_admin(enterprise).member
        person = factories.member("Person", role=role)
    browser = Client()
    browser.force_login(manager.user)
    html = read(browser.get(url(enterprise, f"members/{boss_member.pk}/")))
    assert 'name="userid"' not in html and "/disable/" not in html
    assert 'name="userid"' in read(browser.get(url(enterprise, f"members/{person.pk}/")))
    form = {"name": "x", "userid": "x", "role": str(role.pk)}
    browser.post(url(enterprise, f"members/{boss_member.pk}/"), form)
    browser.post(url(enterprise, f"members/{boss_member.pk}/disable/"))
    with scope():
        kept = Member.objects.get(pk=boss_member.pk)
        assert (kept.name, kept.status) == (boss_member.name, "active")


def test_a_file_is_looked_at_and_taken_in(boss, enterprise, scope):
    page = url(enterprise, "members/import/")
    assert "华南/深圳" in read(boss.get(page))
    data = "账号,姓名,部门\na,甲,华南/深圳\nb b,乙,\n".encode()
    html = read(boss.post(page, {"kind": "members", "file": SimpleUploadedFile("p.csv", data)}))
    assert "would be added" in html and "b b" in html
    with scope():
        assert Member.objects.count() == 1
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', html)
    refused = boss.post(page, {"ticket": ticket, "refused": "1"})
    assert refused["Content-Disposition"] == 'attachment; filename="refused.csv"'
    assert refused.content.decode("utf-8-sig").splitlines()[1].startswith("3,b b,")
    assert "would be added" not in read(boss.post(page, {"ticket": ticket}))
    with scope():
        assert Member.objects.get(userid="a").department.name == "深圳"
    assert "file" in read(boss.post(page, {"kind": "members", "file": SimpleUploadedFile("p.csv", b"x\ny")}), 400)
    assert boss.post(page, {"ticket": "forged"}).status_code == 302


# --- Settings -----------------------------------------------------------------------------------------------


def test_roles_are_made_changed_and_deleted(boss, enterprise, scope):
    form = {"name": "客服", "scope": "related", "permissions": ["contacts.view", "quota.view"]}
    assert boss.post(url(enterprise, "roles/new/"), form).status_code == 302
    with scope():
        role = Role.objects.get(name="客服")
    page = url(enterprise, f"roles/{role.pk}/")
    html = read(boss.get(page))
    assert re.search(r'value="contacts.view" checked', html) and 'value="contacts.delete">' in html
    assert boss.post(page, {**form, "permissions": ["audit.view"]}).status_code == 302
    with scope():
        assert Role.objects.get(pk=role.pk).permissions == ["audit.view"]
        root = Role.objects.get(builtin=SUPER_ADMIN)
    protected = url(enterprise, f"roles/{root.pk}/")
    assert "cannot be changed" in read(boss.get(protected))
    assert read(boss.post(protected, {"permissions": []}), 403)
    assert boss.post(url(enterprise, f"roles/{role.pk}/delete/")).status_code == 302
    assert "客服" not in read(boss.get(url(enterprise, "roles/"))).split('id="main"')[1].replace("“客服”", "")


def test_every_permission_is_offered_in_its_group(boss, enterprise):
    html = read(boss.get(url(enterprise, "roles/new/")))
    assert set(re.findall(r'name="permissions" value="([^"]+)"', html)) == set(permissions.ALL)


def test_the_policy_page_changes_marks_and_resets(boss, enterprise, scope):
    page = url(enterprise, "policy/")
    html = read(boss.get(page))
    assert "Everything is as by default." in html and 'name="inactive_days" value="180"' in html
    form = dict(re.findall(r'<input type="(?:number|text)" name="([a-z_]+)" value="([^"]*)"', html))
    form |= {"inactive_kinds": ["message_in", "purchase"], "inactive_days": "90", "alert_thresholds": "70，90、100"}
    assert boss.post(page, form).status_code == 302
    with scope():
        changed = policy()
        assert (changed.inactive_days, changed.alert_thresholds) == (90, (70, 90, 100))
        assert set(changed.overrides()) == {"inactive_days", "inactive_kinds", "alert_thresholds"}
    html = read(boss.get(page))
    assert "3 settings differ" in html and html.count('name="reset"') == 3
    wrong = read(boss.post(page, {**form, "grade_middle": "9000", "alert_thresholds": "90,80"}), 400)
    assert "Must be less than the amount for high value." in wrong and "Must be ascending" in wrong
    assert boss.post(page, {"reset": "inactive_days"}).status_code == 302
    with scope():
        assert policy().inactive_days == 180
        entry = AuditEntry.objects.filter(action="policy.changed").latest("at")
        assert entry.before["inactive_days"] == 90 and "inactive_days" not in entry.after


def test_a_token_is_shown_once(boss, enterprise, scope):
    page = url(enterprise, "tokens/")
    assert "There is no token yet" in read(boss.get(page))
    answer = boss.post(page, {"name": "脚本", "days": "30"})
    [secret] = re.findall(r'value="(scrm_[^"]+)"', read(answer))
    assert "no-store" in answer["Cache-Control"]
    assert secret not in read(boss.get(page))
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    with scope():
        token = ApiToken.objects.get()
    assert boss.post(url(enterprise, f"tokens/{token.pk}/revoke/")).status_code == 302
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert "1 to 365 days" in read(boss.post(page, {"name": "x", "days": "999"}), 400)


def test_the_trail_reads_well_and_filters(boss, enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        member = services.create_member(actor, userid="w", name="Old name")
        services.update_member(actor, member=member, changes={"name": "New name"})
    page = url(enterprise, "audit/")
    html = read(boss.get(page))
    assert "Member changed" in html and "<del>Old name</del>" in html and "<ins>New name</ins>" in html
    assert "Enterprise created" in html
    assert "Enterprise created" not in read(boss.get(f"{page}?action=member.")).split("<tbody>")[1]
    assert "Enterprise created" not in read(boss.get(f"{page}?subject={member.pk}")).split("<tbody>")[1]
    assert "Nothing matches" in read(boss.get(f"{page}?end=2020-01-01"))
    assert "Member changed" in read(boss.get(f"{page}?start=2020-01-01")).split("<tbody>")[1]


def test_the_enterprise_is_renamed(boss, enterprise):
    page = url(enterprise, "enterprise/")
    assert enterprise.code in read(boss.get(page))
    assert boss.post(page, {"name": "新名", "timezone": "Asia/Tokyo"}).status_code == 302
    changed = Enterprise.objects.get(pk=enterprise.pk)
    assert (changed.name, changed.timezone) == ("新名", "Asia/Tokyo")
    assert boss.post(page, {"name": " ", "timezone": "Mars/Base"}).status_code == 400


# --- For whom they are not ----------------------------------------------------------------------------------

CLOSED_TO_STAFF = ["members/new/", "members/import/", "roles/new/", "policy/", "audit/", "enterprise/"]


@pytest.mark.parametrize("path", CLOSED_TO_STAFF)
def test_staff_are_refused(staff, enterprise, path):
    read(staff.get(url(enterprise, path)), 403)
    if path != "audit/":
        before = Enterprise.objects.get(pk=enterprise.pk).name
        staff.post(url(enterprise, path), {"name": "x", "timezone": "UTC", "reset": "inactive_days"})
        assert Enterprise.objects.get(pk=enterprise.pk).name == before


@pytest.mark.parametrize("path", ["departments/", "members/", "roles/", "tokens/"])
def test_staff_look_without_buttons(staff, enterprise, path):
    main = read(staff.get(url(enterprise, path))).split('id="main"')[1]
    assert "New member" not in main and "New role" not in main and "Add a department" not in main


@pytest.mark.parametrize(
    "path", ["departments/", "members/", "members/new/", "roles/", "policy/", "tokens/", "audit/", "enterprise/"]
)
def test_o5_another_enterprise_is_not_there(boss, other_enterprise, path):
    assert boss.get(url(other_enterprise, path)).status_code == 404


def test_o5_ids_of_another_enterprise_are_like_random_ones(boss, enterprise, other_enterprise):
    with tenant(other_enterprise.pk):
        member = factories.member()
        department, role = Department.objects.create(name="d"), Role.objects.get(builtin="staff")
        token = ApiToken.objects.create(member=member, name="x", digest="x", expires_at=other_enterprise.created_at)
    for path in (
        f"members/{member.pk}/",
        f"departments/{department.pk}/",
        f"roles/{role.pk}/",
    ):
        assert boss.get(url(enterprise, path)).status_code == 404
    for path in (f"members/{member.pk}/resign/", f"departments/{department.pk}/delete/", f"tokens/{token.pk}/revoke/"):
        boss.post(url(enterprise, path))
    with tenant(other_enterprise.pk):
        assert Member.objects.get(pk=member.pk).status == "active"
        assert Department.objects.exists() and ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("path", "queries"),
    [("departments/", 11), ("members/", 13), ("roles/", 9), ("tokens/", 12), ("audit/", 11)],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_pages_cost_the_same_for_one_row_and_three(boss, enterprise, django_assert_num_queries, path, queries, rows):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        top = Department.objects.create(name="top")
        graded = Role.objects.get(builtin="graded_admin")
        for number in range(rows):
            team = Department.objects.create(name=f"d{number}", leader=actor.member, parent=top)
            person = factories.member(role=graded, department=top, ranges=[team])
            Role.objects.create(name=f"r{number}")
            ApiToken.objects.create(member=person, name="x", digest=str(number), expires_at=enterprise.created_at)
            services.update_member(actor, member=person, changes={"name": f"n{number}"})
    boss.get(url(enterprise, path))
    with django_assert_num_queries(queries):
        read(boss.get(url(enterprise, path)))
