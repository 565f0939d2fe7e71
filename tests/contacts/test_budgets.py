"""Team budgets in bulk work and imports (Q12): per row or all together, each refusal with its reason."""

import pytest
from django.test import Client

from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction
from contacts.services import bulk, groups, merges
from contacts.services.contacts import archive_contact
from enterprises.actors import Actor
from quota import services
from quota.models import Budget
from tests import factories
from tests.contacts.bulk import do, report, undo
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture
from tests.contacts.imports.conftest import report as refusals
from tests.quota.teams import assert_true, budget, served, tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(enterprise):
    """South may take 5, Shenzhen in it 2; five contacts of Shenzhen's Sam and of North's Ned are archived."""
    with tenant(enterprise.pk):
        team = tree(enterprise)
        team.ids = []
        for actor in (team.as_sam, team.as_ned) * 5:
            contact = factories.contact(actor)
            archive_contact(team.admin, contact=contact)
            team.ids.append(contact.pk)
        budget(team.admin, team.south, 5)
        budget(team.admin, team.shenzhen, 2)
    return team


def check(enterprise, **expected) -> None:
    with tenant(enterprise.pk):
        assert served() == expected
        assert_true()


def test_q10_q12_bulk_restore_as_many_as_fit(enterprise, team):
    run = do(enterprise, "restore", ids=team.ids, params={"on_full": "partial"})
    assert (run.result["done"], run.result["refused"]) == (7, 3)
    assert run.result["reasons"] == {"budget_exceeded": 3}
    assert {row[4] for row in report(run)} == {"budget_exceeded"}
    check(enterprise, 华南=2, 深圳=2)
    assert undo(enterprise, run).result["done"] == 7
    check(enterprise, 华南=0, 深圳=0)


def test_q10_q12_the_enterprise_and_the_team_may_both_be_short(enterprise, team):
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 5, "free_verified": 5})
        services.refresh_account(enterprise)
    run = do(enterprise, "restore", ids=sorted(team.ids), params={"on_full": "partial"})
    assert run.result["done"] == 5  # in this order: Sam, Ned, Sam, Ned, then Ned alone
    assert run.result["reasons"] == {"budget_exceeded": 1, "quota_exceeded": 4}
    check(enterprise, 华南=2, 深圳=2)


def test_q10_q12_bulk_restore_all_or_nothing(enterprise, team):
    run = do(enterprise, "restore", ids=team.ids)
    assert (run.state, run.error["code"]) == ("failed", "budget_exceeded")
    check(enterprise, 华南=0, 深圳=0)
    with tenant(enterprise.pk):
        assert not Contact.objects.filter(status="active").exists()


def test_q12_bulk_transfer_moves_what_fits(enterprise, team):
    do(enterprise, "restore", ids=team.ids, params={"on_full": "partial"})
    run = do(enterprise, "transfer", ids=team.ids, params={"owner": str(team.cal.pk)})
    # Canton has no budget of its own; the south has 3 left beside Shenzhen's two, who only move inside of it.
    assert (run.result["done"], run.result["reasons"]) == (8, {"budget_exceeded": 2})
    check(enterprise, 华南=5, 深圳=0)
    with tenant(enterprise.pk):
        Budget.objects.filter(department=team.shenzhen).update(places=0)
    back = undo(enterprise, run)
    assert (back.result["done"], back.result["reasons"]) == (6, {"budget_exceeded": 2})
    check(enterprise, 华南=2, 深圳=0)


@pytest.mark.parametrize(("on_full", "owner"), [("partial", None), (None, "cal"), (None, "ned")])
def test_q12_a_preview_counts_what_a_full_team_refuses(enterprise, team, on_full, owner):
    """As many as the job then refuses: to be restored, and to be given to somebody of another team."""
    if owner is None:
        action, params = "restore", {"on_full": on_full}
    else:
        do(enterprise, "restore", ids=team.ids, params={"on_full": "partial"})
        action, params = "transfer", {"owner": str(getattr(team, owner).pk)}
    with tenant(enterprise.pk):
        seen = bulk.preview(team.admin, action=action, ids=team.ids, params=params)
    run = do(enterprise, action, ids=team.ids, params=params)
    assert seen.over_budget == run.result["refused"] == {None: 3, "cal": 2, "ned": 0}[owner]


def file(*owners) -> bytes:
    rows = ((f"wm-new{number}", owner.userid) for number, owner in enumerate(owners))
    return as_csv(("external_userid", "owner"), *rows)


def test_q10_q12_import_as_many_as_fit_a_full_team_keeps_nobody_else_out(enterprise, team, run_import):  # noqa: F811
    run = run_import(file(*[team.sam] * 4, team.ned, team.sue), on_full="partial")
    assert (run.result["created"], run.result["refusals"]) == (4, {"budget_exceeded": 2})
    assert len(refusals(run)) == 2
    with tenant(enterprise.pk):
        made = Contact.objects.filter(external_userid__startswith="wm-new").order_by("external_userid")
        assert [one.external_userid for one in made] == ["wm-new0", "wm-new1", "wm-new4", "wm-new5"]
    check(enterprise, 华南=3, 深圳=2)


def test_q10_q12_import_all_or_nothing(enterprise, team, run_import):  # noqa: F811
    run = run_import(file(*[team.sam] * 3, team.ned), on_full="refuse")
    assert (run.state, run.error["code"]) == ("failed", "budget_exceeded")
    check(enterprise, 华南=0, 深圳=0)
    with tenant(enterprise.pk):
        assert not Contact.objects.filter(external_userid__startswith="wm-new").exists()
    assert run_import(file(team.sam, team.sam, team.ned), on_full="refuse").result["created"] == 3
    check(enterprise, 华南=2, 深圳=2)


def test_q12_an_import_may_use_the_reserve_when_its_source_may(enterprise, team, run_import):  # noqa: F811
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 3, "free_verified": 3})
        services.refresh_account(enterprise)
        services.set_reserve(team.admin, places=2, departments=[team.south])
        role = factories.role("contacts.import", "contacts.assign", "contacts.add")
        importer = factories.member(role=role, department=team.north)
    run = run_import(file(team.ned, team.ned, team.sue, team.sue), on_full="partial", member=importer)
    assert (run.result["created"], run.result["refusals"]) == (3, {"quota_exceeded": 1})
    check(enterprise, 华南=2, 深圳=0)


def test_q12_a_place_goes_along_when_a_merge_gives_somebody_an_owner_and_comes_back(enterprise, team):
    """Who was nobody's is Sam's by the merge: one place of Shenzhen's, as before."""
    with tenant(enterprise.pk):
        gone = factories.contact(team.as_sam)
        kept = factories.contact(Actor.system(enterprise))
        assert kept.owner is None and served() == {"华南": 1, "深圳": 1}
        made = merges.merge(team.admin, contact=kept, gone=gone)
        kept.refresh_from_db()
        assert kept.owner == team.sam
    check(enterprise, 华南=1, 深圳=1)
    with tenant(enterprise.pk):
        merges.undo(team.admin, merge=made)
        kept.refresh_from_db()
        assert kept.owner is None
    check(enterprise, 华南=1, 深圳=1)


@pytest.mark.parametrize("on_full", ["partial", "refuse"])
def test_c3_q12_who_has_no_owner_gets_the_first_member_that_a_file_names(enterprise, team, run_import, on_full):  # noqa: F811
    """Their place goes to the member's team, which may be over its budget then. Whoever has an owner keeps them."""
    with tenant(enterprise.pk):
        group = groups.create_group(team.admin, name="群")
        people = [groups.Person(f"gq{number}", f"赵{number}") for number in range(4)]
        groups.invite(team.admin, group=group, people=people)
        Contact.objects.filter(external_userid__startswith="gq").update(owner=None)
        assert_true()
    sam, ned = team.as_sam.member, team.as_ned.member

    def whose():
        found = Contact.objects.filter(external_userid__startswith="gq").order_by("external_userid")
        return list(found.values_list("owner", flat=True))

    named = [("gq0", sam.userid), ("gq1", sam.userid), ("gq2", sam.userid), ("gq3", "")]
    run = run_import(as_csv(("external_userid", "owner"), *named), on_full=on_full)
    assert (run.result["created"], run.result["updated"], run.result["unchanged"]) == (0, 3, 1), run.result
    check(enterprise, 华南=3, 深圳=3)
    with tenant(enterprise.pk):
        assert whose() == [sam.pk] * 3 + [None]
        notes = Interaction.objects.filter(kind="owner_changed").values_list("data__from", "data__to", "key")
        assert list(notes) == [(None, sam.name, f"import:{run.pk}")] * 3
    again = run_import(as_csv(("external_userid", "owner"), ("gq0", ned.userid), ("gq3", ned.userid)), on_full=on_full)
    assert again.result["updated"] == 2
    check(enterprise, 华南=3, 深圳=3)
    with tenant(enterprise.pk):
        assert whose() == [sam.pk] * 3 + [ned.pk]
        assert Follow.objects.filter(contact__external_userid="gq0").count() == 2


def test_q12_an_undo_that_the_budgets_would_refuse_says_so_before(enterprise, team):
    """Bringing back is all or nothing: the page says what is in the way, and offers no button that would fail."""
    with tenant(enterprise.pk):
        Budget.objects.update(places=5)
        mine = [contact for number, contact in enumerate(team.ids) if number % 2 == 0]
    do(enterprise, "restore", ids=mine)
    run = do(enterprise, "archive", ids=mine)
    client = Client()
    client.force_login(team.admin.member.user)
    client.cookies["language"] = "en"
    page = f"/e/{enterprise.code}/jobs/{run.pk}/undo/"
    button = '<button class="btn btn-primary">'
    assert button in client.get(page).content.decode()
    with tenant(enterprise.pk):
        Budget.objects.filter(department=team.shenzhen).update(places=2)
    shown = client.get(page).content.decode()
    assert "have no room for 3 of them" in shown and button not in shown
    failed = undo(enterprise, run)
    assert (failed.state, failed.error["code"]) == ("failed", "budget_exceeded")
    told = client.get(f"/e/{enterprise.code}/jobs/{failed.pk}/").content.decode()
    assert "Borrow 3 places from the budget of another team." in told
