"""The two numbers (Q2): WeCom's list imported, the difference explained exactly, and what members are to release."""

import csv
import io

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.middleware import LANGUAGE_COOKIE
from common.tenancy import tenant
from contacts import platform
from contacts.models import Contact, PlatformComparison, PlatformDifference, PlatformEntry
from contacts.services import platform as services
from contacts.services.contacts import archive_contact
from contacts.services.groups import Person, create_group, invite
from contacts.services.relations import end_follow
from enterprises.models import AuditEntry
from jobs.models import Notification
from jobs.runner import execute_run
from quota.models import Account
from tests import factories
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture
from tests.quota.teams import tree

pytestmark = pytest.mark.django_db
HEADER = ("外部联系人ID", "姓名", "成员账号", "群名称", "添加时间")


@pytest.fixture
def firm(enterprise):
    """Two served contacts of Sue's, one archived of hers, one archived of Sam's and Sue's, one lost."""
    with tenant(enterprise.pk):
        team = tree(enterprise)
        for name in ("a1", "a2", "x1", "x2", "l1"):
            setattr(team, name, factories.contact(team.as_sue, external_userid=name, name=name))
        factories.contact(team.as_sam, external_userid="x2", name="x2")
        for one in (team.x1, team.x2):
            archive_contact(team.admin, contact=one)
        end_follow(team.admin, contact=team.l1, member=team.sue, by="contact")
    return team


LIST = (
    ("a1", "a1", "sue", "", "2026-01-31"),
    ("a1", "a1", "sam", "", ""),  # the same person by another member
    ("x1", "x1", "sue", "", ""),
    ("x2", "x2", "", "群一", ""),
    ("l1", "l1", "sue", "", ""),
    ("u1", "陌生人", "sue", "", ""),
    ("g1", "群友", "", "群一", ""),
)


def causes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in PlatformDifference.objects.order_by("external_userid"):
        found.setdefault(row.cause, []).append(row.external_userid)
    return found


def test_q2_a_list_explains_the_difference_to_the_last_person(enterprise, firm, run_import):  # noqa: F811
    run = run_import(as_csv(HEADER, *LIST), kind="served", on_full="partial")
    assert (run.state, run.result["created"], run.result["refused"]) == ("done", 7, 0)
    with tenant(enterprise.pk):
        assert causes() == {
            "release_pending": ["x1", "x2"],
            "lost": ["l1"],
            "unknown_here": ["u1"],
            "group_only": ["g1"],
            "unknown_there": ["a2"],
        }
        found = platform.explain(firm.admin)
        assert (found.account.platform_served, found.account.served) == (6, 2)
        assert (found.difference, found.explained, found.changed) == (4, 4, 0)
        assert found.comparison is not None and found.comparison.listed == 6
        archive_contact(firm.admin, contact=firm.a2)
        assert platform.explain(firm.admin).changed == 1  # told as what changed since


def test_q2_the_next_list_replaces_the_one_before_and_the_same_again_changes_nothing(enterprise, firm, run_import):  # noqa: F811
    run_import(as_csv(HEADER, *LIST), kind="served")
    again = run_import(as_csv(HEADER, *LIST), kind="served")
    assert (again.result["created"], again.result["unchanged"]) == (0, 7)
    run_import(as_csv(HEADER, *LIST[:3], ("a2", "", "sue", "", "")), kind="served")
    with tenant(enterprise.pk):
        assert PlatformEntry.objects.count() == 4
        assert causes() == {"release_pending": ["x1"]}
        assert Account.objects.get().platform_served == 3


def test_q2_a_dry_run_and_a_broken_list_change_nothing(enterprise, firm, run_import):  # noqa: F811
    assert run_import(as_csv(HEADER, *LIST), kind="served", dry_run=True).result["created"] == 7
    with tenant(enterprise.pk):
        assert not PlatformEntry.objects.exists() and not PlatformComparison.objects.exists()
        assert Account.objects.get().platform_served is None
    run = run_import(as_csv(HEADER, ("", "", "sue", "", ""), ("a1", "", "sue", "", "2999-01-01")), kind="served")
    assert run.result["refusals"] == {"future_date": 1, "missing_id": 1}


def test_q2_o5_only_those_who_see_the_whole_enterprise_import_a_list(enterprise, firm, run_import):  # noqa: F811
    from common.errors import Forbidden

    with tenant(enterprise.pk):
        role = factories.role("contacts.import", "quota.buy", scope="departments")
        graded = factories.member(role=role, ranges=[firm.south])
    with pytest.raises(Forbidden):
        run_import(as_csv(HEADER, *LIST), kind="served", member=graded)


def test_q2_without_a_list_what_we_archived_is_told(enterprise, firm):
    with tenant(enterprise.pk):
        group = create_group(firm.admin, name="群", owner=firm.ned)
        invite(firm.admin, group=group, people=[Person("g9", "群友")])
        archive_contact(firm.admin, contact=Contact.objects.get(external_userid="g9"))
        gone = factories.contact(firm.as_ned, external_userid="gone", name="gone")
        archive_contact(firm.admin, contact=gone)
        end_follow(firm.admin, contact=gone, member=firm.ned, by="member")  # deleted there: lost, no longer counted
        comparison = services.compare(firm.admin)
        assert (comparison.listed, comparison.served, causes()) == (None, 2, {"release_pending": ["g9", "x1", "x2"]})


SIDES = st.lists(st.sampled_from(["active", "archived", "lost", None]), min_size=6, max_size=6)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(SIDES, st.lists(st.sampled_from(["member", "group", None]), min_size=6, max_size=6))
def test_q2_whatever_the_two_say_the_causes_add_up(enterprise, ours, theirs):
    """Each of six people is anything here and anything there."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        Contact.objects.all()._raw_delete("default")
        PlatformEntry.objects.all().delete()
        now = factories.NOON
        for number, (status, by) in enumerate(zip(ours, theirs, strict=True)):
            if status:
                Contact.objects.create(
                    external_userid=str(number), name="x", status=status, added_at=now, last_contact_at=now
                )
            if by:
                values = {"member": "sue"} if by == "member" else {"group_name": "群"}
                PlatformEntry.objects.create(external_userid=str(number), job_id=enterprise.pk, **values)
        found = services.compare(admin)
        served = ours.count("active")
        signed = sum(PlatformDifference.Cause(cause).sign * number for cause, number in found.causes.items())
        if any(theirs):
            assert found.listed == 6 - theirs.count(None)
            assert found.listed - served == signed
        else:
            assert found.listed is None and found.causes == {}  # nobody here has a friend or a group


# --- What is to be released -------------------------------------------------------------------------------


@pytest.fixture
def compared(enterprise, firm, run_import):  # noqa: F811
    run_import(as_csv(HEADER, *LIST), kind="served")
    return firm


def to_do(actor, **params) -> set[tuple[str, str]]:
    return {(row.member.name, row.contact.external_userid) for row in platform.release_list(actor, params)}


def test_q2_the_to_do_of_each_member(enterprise, compared):
    with tenant(enterprise.pk):
        assert to_do(compared.admin) == {("sue", "x1"), ("sue", "x2"), ("sam", "x2")}
        assert to_do(compared.admin, member=str(compared.sam.pk)) == {("sam", "x2")}
        assert to_do(compared.as_ned) == set()  # they do not see these contacts (O5)
        counted = platform.release_by_member(compared.admin)
        assert [(name, count) for _pk, name, count in counted] == [("sue", 2), ("sam", 1)]
        end_follow(compared.admin, contact=compared.x2, member=compared.sue, by="member")  # Sue has done it
        assert to_do(compared.admin) == {("sue", "x1"), ("sam", "x2")}


def test_q2_members_are_asked_once_a_day(enterprise, compared):
    with tenant(enterprise.pk):
        assert services.ask_members(compared.admin) == services.ask_members(compared.admin) == 2
        told = Notification.objects.filter(kind="contacts.release_asked").values_list("member_id", "data")
        assert dict(told) == {compared.sue.pk: {"count": 2}, compared.sam.pk: {"count": 1}}
        assert AuditEntry.objects.filter(action="platform.release_asked").first().after == {"members": 2, "contacts": 3}


def test_q2_the_to_do_as_a_file(enterprise, compared):
    with tenant(enterprise.pk):
        run = services.start_release_export(compared.admin)
    ended = execute_run(enterprise.pk, run.pk)
    with default_storage.open(ended.report) as file:
        rows = list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"))))[1:]
    assert [(row[0], row[2]) for row in rows] == [("sam", "x2"), ("sue", "x1"), ("sue", "x2")]


# --- REST and console -------------------------------------------------------------------------------------


def test_q2_rest(enterprise, compared):
    client = factories.api_client(enterprise)
    body = client.get("/api/v1/quota/platform/comparison").json()
    assert (body["platform_served"], body["served"], body["difference"], body["changed"]) == (6, 2, 4, 0)
    people = {row["cause"]: row["sign"] * row["people"] for row in body["causes"]}
    assert people == {"release_pending": 2, "lost": 1, "group_only": 1, "unknown_here": 1, "unknown_there": -1}
    rows = client.get("/api/v1/quota/platform/differences?cause=group_only").json()["results"]
    assert rows == [
        {
            "external_userid": "g1",
            "name": "群友",
            "cause": "group_only",
            "contact": None,
            "member": "",
            "group": "群一",
        }
    ]
    assert client.get("/api/v1/quota/platform/differences?cause=x").status_code == 400
    assert len(client.get("/api/v1/quota/platform/release").json()["results"]) == 3
    assert client.post("/api/v1/quota/platform/release").json() == {"members": 2}
    assert client.post("/api/v1/quota/platform/comparison").status_code == 202


def test_q2_the_pages(enterprise, compared):
    with tenant(enterprise.pk):
        user = compared.admin.member.user
    client = Client()
    client.force_login(user)
    client.cookies[LANGUAGE_COOKIE] = "en"

    def page(path: str, **body):
        with CaptureQueriesContext(connection) as captured:
            url = f"/e/{enterprise.code}/scale/platform/{path}"
            response = client.post(url, body) if body else client.get(url)
        own = sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SET ")) for query in captured) + 1
        assert own <= 15, own
        return response.status_code, " ".join(response.content.decode().split())

    status, text = page("")
    assert status == 200 and "List has 6 people" not in text and "list has 6 people" in text
    for cause, name in (("release_pending", "x1"), ("unknown_here", "陌生人"), ("unknown_there", "a2")):
        assert name in page(f"{cause}/")[1]
    assert page("nonsense/")[0] == 404
    assert "x2" in page("release/")[1] and "Ask the members" in page("release/")[1]
    assert page("", served=7)[0] == 302
    assert "Not explained" in page("")[1]
    assert page("", served=-1)[0] == 400
