"""O1, O7: contacts chosen from the list are handed over; owners do so with their own, and with nobody else's."""

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from collaboration.models import Transfer, TransferItem
from collaboration.queries import transfers as queries
from collaboration.rules.transfers import State
from collaboration.services import transfers
from collaboration.services.transfers.settling import Result
from common.errors import Conflict, Forbidden, Invalid, NotFound
from contacts.models import Contact, Follow, Grant
from contacts.rules import Level
from contacts.services.contacts import archive_contact
from contacts.services.relations import change_owner
from enterprises.models import Department, Role
from enterprises.services.members import resign_member
from jobs.models import JobRun, Notification
from quota.services import verify_counts
from tests import factories
from tests.quota.teams import assert_true, budget, served

pytestmark = pytest.mark.django_db
NOON = factories.NOON
DAY = timedelta(days=1)


def to(*takers) -> dict:
    return {"parts": [{"takers": [str(taker.pk) for taker in takers]}]}


def customers(firm, owner, count=1) -> list[Contact]:
    actor = factories.acting(firm.enterprise, owner)
    return [factories.contact(actor, name=f"客户{number}") for number in range(count)]


def hand_over(firm, scene, owner, taker, contacts):
    """The owner orders; the id."""
    with scene(owner) as actor:
        return transfers.order(actor, plan=to(taker), ids=[one.pk for one in contacts]).pk


def reason(firm, pk) -> list:
    return list(TransferItem.objects.filter(transfer=pk).order_by("id").values_list("state", "reason"))


def assert_nothing_happened() -> None:
    assert not Transfer.objects.exists() and not TransferItem.objects.exists() and not JobRun.objects.exists()


# --- Who may: persona by level --------------------------------------------------------------------------------

PERSONAS = {
    "owner": "",
    "follower": "not_allowed",
    "editor": "not_allowed",
    "viewer": "not_allowed",
    "former": "not_found",
    "stranger": "not_found",
    "graded_in": "",
    "graded_out": "not_found",
    "admin": "",
}


def become(firm, contact, who):
    """Somebody who is just this to Lea's contact."""
    if who == "owner":
        return firm.lea
    if who == "graded_in":
        return firm.graded
    if who == "graded_out":
        return factories.member(role="graded_admin", department=firm.north, ranges=[firm.north])
    member = factories.member(role="super_admin" if who == "admin" else "staff", department=firm.north)
    if who in ("follower", "former"):
        state = "active" if who == "follower" else "deleted_by_member"
        Follow.objects.create(contact=contact, member=member, added_at=NOON, state=state)
    if who in (Level.VIEWER, Level.EDITOR):
        Grant.objects.create(contact=contact, member=member, level=who)
    return member


@pytest.mark.parametrize(("who", "why_not"), PERSONAS.items())
def test_o1_o7_only_owner_and_admins_hand_over(firm, scene, who, why_not):
    with scene():
        [contact] = customers(firm, firm.lea)
        actor = factories.acting(firm.enterprise, become(firm, contact, who))
        plan = to(firm.nora if who == "graded_out" else firm.ann)
        seen = transfers.preview(actor, plan=plan, ids=[contact.pk])
        assert (seen.ready, seen.excluded) == ((0, {why_not: 1}) if why_not else (1, {}))
        if why_not:
            with pytest.raises(Conflict) as refused:
                transfers.order(actor, plan=plan, ids=[contact.pk])
            assert refused.value.code == "nothing_to_hand_over"
            connection.set_rollback(False)
            assert_nothing_happened()
        else:
            assert transfers.order(actor, plan=plan, ids=[contact.pk]).contacts == {"waiting": 1}


def test_o1_the_role_must_give_it_too(firm, scene):
    with scene():
        [contact] = customers(firm, firm.lea)
        codes = [code for code in firm.lea.role.codes if code != "contacts.hand_over"]
        firm.lea.role = Role.objects.create(name="不交接", scope="related", permissions=codes)
        firm.lea.save(update_fields=["role"])
    with scene(firm.lea) as lea:
        with pytest.raises(Forbidden):
            transfers.order(lea, plan=to(firm.ann), ids=[contact.pk])
        assert_nothing_happened()


def test_o1_owners_hand_over_nothing_but_their_own_and_decide_nothing_for_others(firm, scene, work):
    with scene() as admin:
        [mine], [other] = customers(firm, firm.lea), customers(firm, firm.nora)
        theirs = transfers.order(admin, member=firm.nora, plan=to(firm.ann))
    with scene(firm.lea) as lea:
        # Not by naming members, oneself included: that is what admins do, groups and all.
        for member in (firm.nora, firm.lea):
            with pytest.raises(Forbidden):
                transfers.order(lea, member=member, plan=to(firm.ann))
        with pytest.raises(Invalid):
            transfers.order(lea, plan=to(firm.ann))
        with pytest.raises(Invalid):
            transfers.order(lea, plan=to(firm.lea), ids=[mine.pk])
        assert transfers.preview(lea, plan=to(firm.ann), ids=[mine.pk, other.pk]).excluded == {"not_found": 1}
        assert not queries.transfers(lea).exists()
        for work_on in (transfers.cancel, transfers.try_again):
            with pytest.raises(NotFound):
                work_on(lea, transfer=theirs)
        made = transfers.order(lea, plan=to(firm.ann), ids=[mine.pk])
        assert list(queries.transfers(lea)) == [made]
        # That a contact was handed over is reported by who answers for all; an owner cannot shorten the day.
        with pytest.raises(Forbidden):
            transfers.report_results(lea, transfer=made, results=[Result(made.items.get().pk, "done")])
    work()
    with scene(firm.lea) as lea:
        assert Contact.objects.get(pk=mine.pk).owner_id == firm.lea.pk


def test_o1_o7_an_owner_hands_over_and_it_takes_effect_after_a_day(firm, scene, work):
    with scene():
        mine = customers(firm, firm.lea, 3)
        Grant.objects.create(contact=mine[0], member=firm.nora, level="editor")
    pk = hand_over(firm, scene, firm.lea, firm.bob, mine[:2])
    [run] = work()
    assert run.state == "done"
    with scene(firm.bob):
        assert Notification.objects.get(member=firm.bob).data == {"name": "Lea", "count": 2}
    with scene(at=NOON + DAY - timedelta(seconds=1)) as admin:
        assert transfers.settle_due(admin) == 0
    with scene(at=NOON + DAY) as admin:
        assert transfers.settle_due(admin) == 2
        assert Transfer.objects.get(pk=pk).contacts == {"done": 2}
        owners = dict(Contact.objects.values_list("pk", "owner_id"))
        assert owners == {mine[0].pk: firm.bob.pk, mine[1].pk: firm.bob.pk, mine[2].pk: firm.lea.pk}
        assert verify_counts()["ok"]
        assert Grant.objects.get().member_id == firm.nora.pk  # collaborators stay
    with scene(firm.lea, at=NOON + DAY) as lea:
        assert list(Contact.objects.visible_to(lea)) == [mine[2]]
        # Who ordered it knows how it ended, but contacts that are not theirs to see are not listed (O5).
        assert queries.transfers(lea).get().contacts == {"done": 2} and not queries.items(
            lea, queries.transfers(lea)[0]
        )


def test_o7_the_limits_hold_for_owners_too(firm, scene, work):
    """Twice in 90 days; the taker's own limit; the reason is told, with the day."""
    with scene():
        [contact] = customers(firm, firm.lea)
    for day, (owner, taker) in enumerate(((firm.lea, firm.ann), (firm.ann, firm.lea))):
        with scene(owner, at=NOON + day * DAY) as actor:
            transfers.order(actor, plan=to(taker), ids=[contact.pk])
        work(NOON + day * DAY)
        with scene(at=NOON + (day + 1) * DAY) as admin:
            assert transfers.settle_due(admin) == 1
    with scene(firm.lea, at=NOON + 3 * DAY) as lea:
        seen = transfers.preview(lea, plan=to(firm.ann), ids=[contact.pk])
        free = (NOON + DAY).date() + timedelta(days=90)
        assert (seen.excluded, seen.blocked) == ({"too_often": 1}, [(free, 1)])
        with pytest.raises(Conflict):
            transfers.order(lea, plan=to(firm.ann), ids=[contact.pk])
    with scene(firm.lea, at=NOON + 120 * DAY) as lea:
        factories.reset_policy({"taker_limit": 1})
        customers(firm, firm.bob)
        seen = transfers.preview(lea, plan=to(firm.bob), ids=[contact.pk])
        assert (seen.ready, seen.full, seen.shares[0].room) == (0, 1, 0)


def test_o1_who_lost_the_contact_before_the_job_ran_hands_over_nothing(firm, scene, work):
    """A friend they still are; but the contact is another's to hand over."""
    with scene() as admin:
        [contact] = customers(firm, firm.lea)
    pk = hand_over(firm, scene, firm.lea, firm.bob, [contact])
    with scene() as admin:
        change_owner(admin, contact=contact, owner=firm.ann)
    work()
    with scene():
        assert reason(firm, pk) == [("failed", "not_theirs")]
        assert Follow.objects.get(contact=contact).member_id == firm.lea.pk
        contact.refresh_from_db()
        assert contact.owner_id == firm.ann.pk
    with scene(firm.lea) as lea:
        transfers.try_again(lea, transfer=queries.transfers(lea).get())
    work()
    with scene():
        assert reason(firm, pk) == [("failed", "not_theirs")]


def test_o8_owners_call_off_and_try_again_what_they_ordered(firm, scene, work):
    with scene():
        mine = customers(firm, firm.lea, 2)
    hand_over(firm, scene, firm.lea, firm.bob, mine)
    with scene(firm.lea) as lea:
        transfer = queries.transfers(lea).get()
        assert transfers.cancel(lea, transfer=transfer).contacts == {"failed": 2}
        with pytest.raises(Invalid):
            transfers.try_again(lea, transfer=transfer, taker=firm.lea)
        assert transfers.try_again(lea, transfer=transfer, taker=firm.ann).contacts == {"waiting": 2}
    work()
    with scene(at=NOON + DAY) as admin:
        assert transfers.settle_due(admin) == 2
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.ann.pk}


# --- A selection of several owners' ---------------------------------------------------------------------------


@pytest.fixture
def mixed(firm, scene):
    """Lea's 3 (one on its way already), Nora's 2, Bob's, a leaver's and nobody's one each."""
    with scene() as admin:
        leaver = factories.member("Gone", department=firm.south)
        found = {
            "lea": customers(firm, firm.lea, 3),
            "nora": customers(firm, firm.nora, 2),
            "bob": customers(firm, firm.bob),
            "left": customers(firm, leaver),
            "nobody": customers(firm, firm.ann),
        }
        resign_member(admin, member=leaver)
        Contact.objects.filter(pk=found["nobody"][0].pk).update(owner=None)
        Contact.objects.filter(pk=found["nora"][0].pk).update(grade="high")
        transfers.order(admin, member=firm.lea, plan=to(firm.ann), ids=[found["lea"][0].pk])
        Transfer.objects.update(by=None)
    return found


def test_o7_a_filter_of_several_owners_is_one_order(firm, scene, work, mixed):
    with scene() as admin:
        seen = transfers.preview(admin, plan=to(firm.bob), filter={})
        assert (seen.total, seen.ready) == (8, 4)
        assert seen.excluded == {"in_transfer": 1, "same_owner": 1, "owner_left": 1, "no_owner": 1}
        assert [(owner.name, number) for owner, number in seen.owners] == [("Lea", 2), ("Nora", 2)]
        assert seen.by_grade == {"low": 3, "high": 1}
        made = transfers.order(admin, plan=to(firm.bob), filter={})
        assert (made.kind, made.member, str(made)) == ("on_job", None, "多位成员")
        assert made.contacts == {"waiting": 4, "failed": 1}
        told = Notification.objects.get(kind="transfer.coming", member=firm.bob)
        assert told.data == {"name": "Lea, Nora", "count": 4}
    work()
    with scene(at=NOON + DAY) as admin:
        transfers.settle_due(admin)
        made.refresh_from_db()
        assert made.contacts == {"done": 4, "failed": 1}
        assert Contact.objects.filter(owner=firm.bob).count() == 5
        # Whose it was is whose friendship ended.
        for one, giver in ((mixed["lea"][1], firm.lea), (mixed["nora"][0], firm.nora)):
            assert dict(Follow.objects.filter(contact=one).values_list("member_id", "state")) == {
                giver.pk: "deleted_by_member",
                firm.bob.pk: "active",
            }
        finished = Notification.objects.get(kind="transfer.finished", key__contains=str(made.pk))
        assert finished.data["done"] == 4


def test_o7_chosen_contacts_of_one_member_are_an_order_about_this_member(firm, scene, mixed):
    with scene() as admin:
        made = transfers.order(admin, plan=to(firm.bob), ids=[one.pk for one in mixed["nora"]])
        assert made.member == firm.nora


def test_o4_graded_admins_choose_among_what_they_see(firm, scene, mixed):
    with scene(firm.graded) as graded:
        seen = transfers.preview(graded, plan=to(firm.bob), filter={})
        assert (seen.total, seen.ready) == (5, 2)  # nothing of the north's Nora, nothing of nobody's
        made = transfers.order(graded, plan=to(firm.bob), filter={})
        assert {item.member_id for item in made.items.all()} == {firm.lea.pk}
        with pytest.raises(Invalid):
            transfers.order(graded, plan=to(firm.nora), filter={})


def test_o4_o5_a_graded_admin_sees_of_an_order_of_several_what_concerns_their_people(firm, scene, mixed, work):
    with scene() as admin:
        made = transfers.order(admin, plan=to(firm.bob), filter={})
        nobodys = transfers.order(admin, plan=to(firm.bob), ids=[one.pk for one in customers(firm, firm.nora, 2)])
        theirs, others = [made.items.filter(member=one).order_by("id").first() for one in (firm.lea, firm.nora)]
    with scene(firm.graded) as graded:
        shown = set(queries.transfers(graded))
        assert made in shown and nobodys not in shown
        [seen] = queries.as_seen(graded, [Transfer.objects.get(pk=made.pk)])
        assert (seen.contacts, seen.groups) == ({"waiting": 2, "failed": 1}, {})
        assert {item.member_id for item in queries.items(graded, made)} == {firm.lea.pk}
        for act in (transfers.try_again, transfers.cancel):
            with pytest.raises(Forbidden) as refused:
                act(graded, transfer=made)
            assert refused.value.code == "not_yours"
        with pytest.raises(Invalid):
            transfers.report_results(graded, transfer=made, results=[Result(others.pk, State.REFUSED)])
        assert set(made.items.values_list("state", flat=True)) == {"waiting", "failed"}
        assert transfers.report_results(graded, transfer=made, results=[Result(theirs.pk, State.REFUSED)]) == 1
    api, browser = factories.api_client(firm.enterprise, firm.graded), Client()
    with scene(firm.graded) as graded:
        browser.force_login(graded.member.user)
    [listed] = [one for one in api.get("/api/v1/transfers").json()["results"] if one["id"] == str(made.pk)]
    assert listed["contacts"] == {"waiting": 1, "refused": 1, "failed": 1}
    assert api.get(f"/api/v1/transfers/{made.pk}").json()["contacts"] == listed["contacts"]
    assert api.get(f"/api/v1/transfers/{nobodys.pk}").status_code == 404
    assert api.post(f"/api/v1/transfers/{made.pk}/cancel").json()["code"] == "not_yours"
    page = browser.get(f"/e/{firm.enterprise.code}/transfers/{made.pk}/").content.decode()
    assert 'data-dialog="#cancel"' not in page and 'data-dialog="#again"' not in page and "Nora" not in page
    with scene() as admin:
        assert queries.as_seen(admin, [Transfer.objects.get(pk=made.pk)])[0].number() == 5


@pytest.mark.parametrize("number", [1, 3])
def test_o5_a_graded_admins_list_of_orders_costs_the_same(firm, scene, number):
    with scene() as admin:
        for _number in range(number):
            ids = [one.pk for owner in (firm.lea, firm.nora) for one in customers(firm, owner)]
            transfers.order(admin, plan=to(firm.bob), ids=ids)
    api = factories.api_client(firm.enterprise, firm.graded)
    api.get("/api/v1/transfers")
    with CaptureQueriesContext(connection) as asked:
        assert len(api.get("/api/v1/transfers").json()["results"]) == number
    assert len(asked) == 7


def test_o8_trying_again_never_gives_somebody_what_they_gave(firm, scene, mixed):
    with scene() as admin:
        ids = [mixed["lea"][1].pk, mixed["nora"][0].pk]
        made = transfers.order(admin, plan=to(firm.bob), ids=ids)
        transfers.cancel(admin, transfer=made)
        transfers.try_again(admin, transfer=made, taker=firm.nora)
        states = dict(made.items.values_list("member__name", "state"))
        assert states == {"Lea": "waiting", "Nora": "failed"}


def test_q12_the_preview_says_which_team_gets_over_its_budget(firm, scene, work):
    with scene() as admin:
        nora, lea = customers(firm, firm.nora, 3), customers(firm, firm.lea, 2)
        budget(admin, firm.south, 4)
        budget(admin, firm.north, 9)
        seen = transfers.preview(admin, plan=to(firm.bob), filter={})
        assert [(one.team, one.served, one.places, one.gain, one.over) for one in seen.teams] == [
            ("华南", 2, 4, 3, 1)
        ]  # Lea's stay inside of the south
        transfers.order(admin, plan=to(firm.bob), ids=[one.pk for one in (*nora, *lea)])
    work()
    with scene(at=NOON + DAY) as admin:
        transfers.settle_due(admin)
        assert served() == {"华南": 5, "华北": 0}
        assert_true()


@pytest.mark.parametrize("split", ["even", "room"])
def test_q12_the_preview_of_several_takers_and_parts_says_what_then_happens(firm, scene, work, split):
    """Served, archived and befriended ones of several owners, dealt out by grade over takers of three teams."""
    with scene() as admin:
        nora, lea = customers(firm, firm.nora, 7), customers(firm, firm.lea, 6)
        for one in (*nora[:2], *lea[:2]):
            Contact.objects.filter(pk=one.pk).update(grade="high")
        for one in (nora[1], lea[5]):
            archive_contact(admin, contact=one)
        end = factories.member("东", department=Department.objects.create(name="华东"))
        budgets = {team.name: budget(admin, team, places).places for team, places in (
            (firm.south, 7), (firm.shenzhen, 5), (firm.north, 9), (end.department, 3))}  # fmt: skip
        plan = {
            "parts": [
                {"takers": [str(firm.bob.pk), str(end.pk)], "grade": "high"},
                {"takers": [str(one.pk) for one in (firm.ann, end, firm.bob)]},
            ],
            "split": split,
        }
        before = served()
        seen = transfers.preview(admin, plan=plan, filter={})
        assert seen.ready == 13
        transfers.order(admin, plan=plan, filter={})
    work()
    with scene(at=NOON + DAY) as admin:
        transfers.settle_due(admin)
        now = served()
        assert {one.team: (one.served, one.places, one.gain) for one in seen.teams} == {
            name: (before[name], places, now[name] - before[name])
            for name, places in budgets.items()
            if now[name] > before[name]
        }
        assert {one.team for one in seen.teams if one.over} == {"华东"}
        assert {one.team for one in seen.teams} == {"华南", "华东"} and now["华东"] > 3
        assert_true()


@pytest.mark.parametrize("number", [1, 3])
def test_the_numbers_cost_the_same_whatever_is_chosen(firm, scene, number):
    with scene() as admin:
        for one in range(number):
            customers(firm, factories.member(f"成员{one}", department=firm.south), number)
        with CaptureQueriesContext(connection) as asked:
            transfers.preview(admin, plan=to(firm.bob), filter={})
        assert len(asked) == 8


# --- REST and console -----------------------------------------------------------------------------------------


def test_x1_an_owner_by_the_api(firm, scene, work):
    with scene():
        [mine], [other] = customers(firm, firm.lea), customers(firm, firm.nora)
    api = factories.api_client(firm.enterprise, firm.lea)
    body = {"plan": to(firm.bob), "ids": [str(mine.pk), str(other.pk)]}

    def post(path, more=body):
        return api.post(f"/api/v1/transfers{path}", more, content_type="application/json")

    seen = post("/preview").json()
    assert (seen["ready"], seen["excluded"]) == (1, {"not_found": 1})
    assert [(one["member"]["name"], one["contacts"]) for one in seen["by_owner"]] == [("Lea", 1)]
    made = post("").json()
    assert (made["member"]["name"], made["contacts"]) == ("Lea", {"waiting": 1})
    [item] = api.get(f"/api/v1/transfers/{made['id']}/items").json()["results"]
    assert (item["member"]["name"], item["taker"]["name"]) == ("Lea", "Bob")
    assert post("", {"plan": to(firm.bob)}).status_code == 400
    assert post("", {"member": str(firm.lea.pk), "plan": to(firm.bob)}).status_code == 403
    for path in ("/pool", "/rules"):
        assert api.get(f"/api/v1/transfers{path}").status_code == 403
    assert post(f"/{made['id']}/results", {"results": [{"item": item["id"], "state": "done"}]}).status_code == 403
    assert post(f"/{made['id']}/cancel", {}).json()["contacts"] == {"failed": 1}
    colleague = factories.api_client(firm.enterprise, firm.bob)
    assert colleague.get(f"/api/v1/transfers/{made['id']}").status_code == 404


def text(answer) -> str:
    return " ".join(unescape(answer.content.decode()).split())


def browser_of(member) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(member.user)
    client.cookies["language"] = "en"
    return client


def test_o1_o7_an_owner_in_the_console_from_the_list_to_the_batch(firm, scene, work):
    with scene():
        mine = customers(firm, firm.lea, 2)
    home, browser = f"/e/{firm.enterprise.code}/", browser_of(firm.lea)
    assert f"{home}contacts/hand-over/" in text(browser.get(f"{home}contacts/"))
    there = browser.post(f"{home}contacts/hand-over/", {"ids": [one.pk for one in mine], "count": "2"})["Location"]
    page = browser.get(there)
    assert page.context["preview"] is None and "Bob" in text(page) and f'value="{firm.lea.pk}"' not in text(page)
    shown = browser.get(f"{there}&taker={firm.bob.pk}")
    assert shown.context["preview"].ready == 2 and "Hand over</button>" not in text(shown)
    start = there.replace("hand-over/?", "hand-over/start/?")
    assert browser.post(start, {"taker": ""}).status_code == 400
    assert browser.post(start, {"taker": firm.bob.pk, "message": "x" * 201}).status_code == 400
    assert browser.get(start)["Location"].startswith(f"{home}contacts/hand-over/?")
    with scene():
        assert_nothing_happened()
    answer = browser.post(start, {"taker": firm.bob.pk, "message": "您好"})
    work()
    batch = text(browser.get(answer["Location"]))
    assert "Hand-over of Lea" in batch and "客户0" in batch and "Declined</button>" not in batch
    tabs = text(browser.get(f"{home}transfers/"))
    assert "Under way" in tabs and "To be assigned" not in tabs and "Inheritance rules" not in tabs
    again = browser.post(start, {"taker": firm.bob.pk})
    assert again.status_code == 409 and "There is nothing that could be handed over." in text(again)
    assert f"{home}contacts/hand-over/?ids=" in text(browser.get(f"{home}contacts/{mine[0].pk}/"))


def test_o7_the_console_says_who_is_left_out_and_why(firm, scene, mixed):
    with scene() as admin:
        browser = browser_of(admin.member)
    home = f"/e/{firm.enterprise.code}/contacts/hand-over/"
    there = browser.post(home, {"all": "1", "filter": "page=2&grade=low", "count": "9"})["Location"]
    shown = text(browser.get(f"{there}&taker={firm.bob.pk}"))
    for words in (
        "The list showed 9 contacts; now there are 7.",
        "It is being handed over already.",
        "It is the taker's already.",
        "Its owner has left. It waits among what is to be assigned.",
        "It has no owner who could hand it over. Change the owner instead.",
        "Lea",
        "Hand over (3)",
    ):
        assert words in shown, words
    answer = browser.post(there.replace("hand-over/?", "hand-over/start/?"), {"taker": firm.bob.pk})
    batch = text(browser.get(answer["Location"]))
    assert "Hand-over of Several members" in batch and "<th>From</th>" in batch
    assert browser.get(f"{home}?ids=&taker={firm.bob.pk}").status_code == 400
