"""The console's pages of contacts, groups and tags: what they show, what they cost, what they refuse."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from common.errors import Forbidden
from common.ids import uuid7
from common.tenancy import tenant
from contacts.models import Contact, Follow, FollowTag, GroupChat, Purchase, SavedView, Tag, TagGroup
from contacts.services import groups, tag_merges, tags
from contacts.services.contacts import archive_contact
from contacts.services.groups import Person
from contacts.services.history import record_interaction
from contacts.services.relations import add_follow
from enterprises.models import AuditEntry
from quota.models import Account
from quota.services import refresh_account
from tests import factories
from tests.contacts.unchanged import state

pytestmark = pytest.mark.django_db


def browser(person):
    client = Client(headers={"Accept-Language": "en"})
    client.cookies["language"] = "en"
    client.force_login(person)
    return client


@pytest.fixture
def admin(enterprise):
    with tenant(enterprise.pk):
        return browser(factories.super_admin(enterprise).member.user)


@pytest.fixture
def anna(enterprise):
    with tenant(enterprise.pk):
        return factories.member("Anna")


@pytest.fixture
def contact(enterprise, anna):
    with tenant(enterprise.pk):
        return factories.contact(factories.actor(enterprise, anna), name="王小明", remark="小王", external_userid="wm1")


@pytest.fixture
def at(enterprise):
    return lambda path="": f"/e/{enterprise.code}/{path}"


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_c11_the_search_box_shows_whom_one_means(admin, at, contact, anna, enterprise):
    rows = text(admin.get(at("contacts/search/?search=xm"), headers={"HX-Request": "true"}))
    assert f'href="{at(f"contacts/{contact.pk}/")}"' in rows and "王小明" in rows and "Anna" in rows
    assert f'href="{at("contacts/?search=xm")}"' in rows and "<html" not in rows
    assert "Nobody is found" in text(admin.get(at("contacts/search/?search=q"), headers={"HX-Request": "true"}))
    assert text(admin.get(at("contacts/search/?search="), headers={"HX-Request": "true"})).strip() == ""
    assert admin.get(at("contacts/search/?search=xm"))["Location"] == at("contacts/?search=xm")
    other = factories.enterprise("别家")
    with tenant(other.pk):
        stranger = browser(factories.super_admin(other).member.user)
    assert stranger.get(at("contacts/search/?search=xm")).status_code == 404


def test_c11_the_search_box_says_by_which_remark_of_a_friend_one_is_found(admin, at, contact, enterprise):
    with tenant(enterprise.pk):
        add_follow(factories.super_admin(enterprise), contact=contact, remark="老李 & 家")
    rows = text(admin.get(at("contacts/search/?search=laoli"), headers={"HX-Request": "true"}))
    assert "a friend calls them 老李 &amp; 家 · 小王" in rows
    assert "calls them" not in text(admin.get(at("contacts/search/?search=xw"), headers={"HX-Request": "true"}))


def test_c11_the_list_says_by_which_remark_of_a_friend_one_is_found(admin, at, contact, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        add_follow(actor, contact=contact, remark="老李 <b>家")
        factories.contact(actor, name="老李")
    page = text(admin.get(at("contacts/?search=laoli&columns=owner")))
    assert page.count("<tr data-href") == 2
    assert page.count("calls them") == page.count("<small>a friend calls them 老李 &lt;b&gt;家</small></div>") == 1
    for own in ("", "?search=xw", "?search=wang xm", "?search=wm1", "?grade=gold&search=laoli"):
        assert "calls them" not in text(admin.get(at(f"contacts/{own}"))), own
    admin.cookies["language"] = "zh-hans"
    assert "<small>好友备注：老李 &lt;b&gt;家</small>" in text(admin.get(at("contacts/?search=laoli")))


@pytest.mark.parametrize("rows", [1, 3])
def test_c11_what_a_list_costs_that_says_it(admin, at, enterprise, anna, rows, django_assert_num_queries):
    """Three more than a list that is not searched: whom the words find, for the number and for the rows; remarks."""
    with tenant(enterprise.pk):
        for _number in range(rows):
            contact = factories.contact(factories.actor(enterprise, anna))
            add_follow(factories.super_admin(enterprise), contact=contact, remark="老李")
    admin.get(at("contacts/"))
    with django_assert_num_queries(11 + 3 + 3):
        page = text(admin.get(at("contacts/?search=laoli")))
    assert page.count("a friend calls them 老李") == rows


def test_c11_the_list_filters_while_one_types(admin, at, contact, enterprise):
    answer = admin.get(at("contacts/?search=wxm&owner=&grade=low"), headers={"HX-Request": "true"})
    rows = text(answer)
    assert answer["HX-Replace-Url"] == at("contacts/?search=wxm&grade=low")
    assert '<div id="results">' in rows and "王小明" in rows and "<html" not in rows
    # What the bulk bar and "save as a view" would act on is what is shown now.
    assert 'name="filter" value="search=wxm&amp;owner=&amp;grade=low"' in rows and 'formaction="' in rows
    assert f'action="{at("contacts/views/")}?search=wxm' in rows
    assert admin.get(at("contacts/"), headers={"HX-Request": "true"})["HX-Replace-Url"] == at("contacts/")


def test_phones_are_masked_until_somebody_asks_and_a_person_can_be_erased(admin, at, contact, enterprise):
    with tenant(enterprise.pk):
        Contact.objects.filter(pk=contact.pk).update(phones=["13800138000"])
    page = at(f"contacts/{contact.pk}/")
    for path in (page, at("contacts/?columns=phones")):
        assert "138****8000" in text(admin.get(path)) and "13800138000" not in text(admin.get(path))
    shown = text(admin.post(f"{page}phones/", headers={"HX-Request": "true"}))
    assert shown.strip() == '<dd id="phones">13800138000</dd>'
    assert "13800138000" in text(admin.get(f"{page}edit/"))
    with tenant(enterprise.pk):
        assert AuditEntry.objects.filter(action="contact.phones_shown", subject_id=contact.pk).count() == 2
    privacy = text(admin.get(f"{page}privacy/"))
    assert "Erase for good" in privacy and "Make the file" in privacy
    wrong = admin.post(f"{page}privacy/", {"do": "erase", "confirm": "王小"})
    assert wrong.status_code == 400 and "exactly as it is written" in text(wrong)
    for given in ({"do": "export"}, {"do": "erase", "confirm": "王小明"}):
        assert "/jobs/" in admin.post(f"{page}privacy/", given)["Location"]


def test_a_view_keeps_filter_order_and_columns_under_a_name(admin, at, contact, enterprise):
    answer = admin.post(
        at("contacts/views/?grade=low&inactive=false&ordering=-spend_cents&page=3"),
        {"name": "Mine", "columns": "person.owner", "shared": "1"},
    )
    assert answer["Location"] == at("contacts/?grade=low&inactive=false&ordering=-spend_cents&columns=person.owner")
    page = text(admin.get(answer["Location"]))
    assert '<a class="view is-present" aria-current="true" href="?grade=low' in page and "Delete this view" in page
    assert ">Owner<" in page and ">Company<" not in page.partition("<thead>")[2].partition("</thead>")[0]
    again = admin.post(at("contacts/views/?grade=high"), {"name": " Mine "})
    assert again["Location"] == at("contacts/?grade=high&ordering=-added_at")
    with tenant(enterprise.pk):
        view = SavedView.objects.get()
        assert (view.filter, view.shared, view.columns) == ({"grade": ["high"]}, False, [])
    wrong = admin.post(at("contacts/views/?grade=gold"), {"name": "Bad"}, follow=True)
    assert "gold" in text(wrong)
    admin.post(at(f"contacts/views/{view.pk}/delete/"))
    with tenant(enterprise.pk):
        assert not SavedView.objects.exists()


def test_c6_the_timeline_goes_on_by_itself_and_under_the_same_day(admin, at, contact, enterprise, monkeypatch):
    monkeypatch.setattr("console.contact_page.EVENTS", 2)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        for hour in range(4):
            moment = factories.NOON.replace(year=2025) + timedelta(hours=hour)
            record_interaction(actor, contact=contact, kind="call" if hour % 2 else "message_in", at=moment)
    url = at(f"contacts/{contact.pk}/timeline/?kind=message_in&kind=call")
    page = text(admin.get(url))
    assert 'hx-trigger="revealed"' in page and page.count("timeline-day") == 1
    more = re.search(r'hx-get="([^"]+)"[^>]*revealed', page)[1].replace("&amp;", "&")
    assert "day=2025-06-15" in more and "kind=message_in&kind=call" in more
    rest = text(admin.get(more, headers={"HX-Request": "true"}))
    assert rest.count('class="event is-') == 2 and "timeline-day" not in rest and "revealed" not in rest
    assert "timeline-day" in text(admin.get(more))
    members = text(admin.get(at(f"contacts/{contact.pk}/timeline/?side=member")))
    assert members.count('class="event is-member') == 2 and "is-customer" not in members
    assert "Nothing of this kind" in text(admin.get(at(f"contacts/{contact.pk}/timeline/?side=system&kind=call")))


def test_the_list_shows_who_they_are_and_how_many(admin, at, contact, enterprise):
    with tenant(enterprise.pk):
        actor = factories.actor(enterprise, contact.owner)
        group = tags.create_tag_group(factories.super_admin(enterprise), name="g", tags=list("abcde"))
        tags.tag_contact(actor, contact=contact, add=list(Tag.objects.filter(group=group)))
        factories.contact(actor, name="<b>Bold</b>", kind="wecom", company="A&B")
    page = text(admin.get(at("contacts/")))
    assert "2 in all" in page and "王小明" in page and "小王" in page and "Anna" in page
    assert "@WeChat" in page and "@A&amp;B" in page
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page and "<b>Bold</b>" not in page
    assert '<span class="badge" title="d、e">+2</span>' in page
    assert f'data-href="{contact.pk}/"' in page


def test_filters_sorting_and_pages_have_addresses(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        for number in range(25):
            factories.contact(factories.super_admin(enterprise), name=f"n{number:02}")
    page = text(admin.get(at("contacts/?search=n&page_size=20&ordering=name")))
    assert "25 in all" in page and "n00" in page and "n20" not in page and "王小明" not in page
    assert "n20" in text(admin.get(at("contacts/?search=n&page_size=20&ordering=name&page=2")))
    assert 'value="n"' in page
    wrong = admin.get(at("contacts/?grade=gold&added_after=x"))
    assert wrong.status_code == 400 and "grade:" in text(wrong) and "added_after:" in text(wrong)
    assert admin.get(at("contacts/?colour=red")).status_code == 400


def test_htmx_gets_the_same_results_without_the_frame(admin, at, contact):
    whole = text(admin.get(at("contacts/")))
    part = text(admin.get(at("contacts/"), headers={"HX-Request": "true"}))
    row = re.search(r"<tr data-href.*?</tr>", whole).group()
    assert row in part and "<html" not in part and "<html" in whole


@pytest.mark.parametrize("rows", [1, 3])
def test_what_the_list_costs(admin, at, enterprise, contact, rows, django_assert_num_queries):
    """User, enterprise, scope, member, count, rows, views, people, departments, tags, frame; in tests also three
    statements that stand for begin and commit."""
    with tenant(enterprise.pk):
        for _number in range(rows - 1):
            factories.contact(factories.super_admin(enterprise))
    admin.get(at("contacts/"))
    with django_assert_num_queries(11 + 3):
        admin.get(at("contacts/"))


def test_fifty_rows_are_no_more_than_150_kb(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        for number in range(50):
            factories.contact(actor, name=f"客户名称很长很长 {number}", remark="备注" * 10, company="公司" * 10)
        factories.reset_policy({})
    answer = admin.get(at("contacts/?page_size=50"))
    assert answer.content.count(b"<tr data-href") == 50
    assert len(answer.content) < 150_000


def test_columns_are_chosen_and_kept(admin, at, contact):
    assert "External user id</th>" not in text(admin.get(at("contacts/")))
    answer = admin.post(at("contacts/?grade=low"), {"columns": ["external_userid", "nonsense"]})
    assert answer["Location"] == at("contacts/?grade=low")
    page = text(admin.get(at("contacts/")))
    assert "External user id</th>" in page and "<th>Remark</th>" not in page and "王小明" in page


def test_o5_staff_see_only_theirs_on_every_page(at, enterprise, contact):
    with tenant(enterprise.pk):
        stranger = factories.member("Bob")
        group = groups.create_group(factories.super_admin(enterprise), name="群")
    client = browser(stranger.user)
    assert "0 in all" in text(client.get(at("contacts/")))
    pages = ["", "timeline/", "purchases/", "followers/", "visibility/", "edit/", "tags/", "interaction/", "purchase/"]
    for path in pages:
        real = client.get(at(f"contacts/{contact.pk}/{path}"))
        random = client.get(at(f"contacts/{uuid7()}/{path}"))
        assert real.status_code == random.status_code == 404, path
    for path in ("follow/", f"unfollow/{contact.owner_id}/"):
        assert client.post(at(f"contacts/{contact.pk}/{path}")).status_code == 302
    assert client.get(at(f"groups/{group.pk}/")).status_code == 404
    with tenant(enterprise.pk):
        assert Follow.objects.count() == 1


@pytest.mark.parametrize("tab", ["timeline", "purchases", "groups", "followers", "visibility", "audit"])
def test_every_tab_has_an_address_and_a_fragment(admin, at, enterprise, contact, tab):
    with tenant(enterprise.pk):
        record_interaction(factories.super_admin(enterprise), contact=contact, kind="call", data={"text": "嗨"})
    whole = admin.get(at(f"contacts/{contact.pk}/{tab}/"))
    part = admin.get(at(f"contacts/{contact.pk}/{tab}/"), headers={"HX-Request": "true"})
    assert whole.status_code == part.status_code == 200
    assert "王小明" in text(whole) and "<html" not in text(part)
    if tab == "timeline":
        assert "嗨" in text(part) and text(admin.get(at(f"contacts/{contact.pk}/"))).count("嗨") == 1
    if tab == "visibility":
        assert "Sees the whole enterprise" in text(part) and "Is the owner" in text(part)
    if tab == "audit":
        assert "Interaction recorded" in text(part)
    assert admin.get(at(f"contacts/{contact.pk}/nonsense/")).status_code == 404


def test_the_timeline_goes_on_with_earlier_events(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        for number in range(35):
            record_interaction(
                factories.super_admin(enterprise), contact=contact, kind="call", data={"text": f"t{number}."}
            )
    page = text(admin.get(at(f"contacts/{contact.pk}/")))
    more = re.search(r'hx-get="([^"]+cursor=[^"]+)"', page).group(1)
    older = text(admin.get(more, headers={"HX-Request": "true"}))
    assert "t34." in page and "t3." not in page and "t3." in older and "t34." not in older
    assert "<html" not in older and "nav-tabs" not in older


def test_add_and_edit(admin, at, enterprise):
    form = {"external_userid": "wm9", "name": "新人", "kind": "wechat", "phones": "138 0013 8000，139"}
    added = admin.post(at("contacts/add/"), form)
    with tenant(enterprise.pk):
        contact = Contact.objects.get()
        assert contact.phones == ["13800138000", "139"]
    assert added["Location"] == at(f"contacts/{contact.pk}/")
    page = at(f"contacts/{contact.pk}/edit/")
    assert "13800138000, 139" in text(admin.get(page))
    edit = {"name": "改名", "kind": "wechat", "phones": "", "description": "x", "version": "1"}
    assert admin.post(page, edit).status_code == 302
    stale = admin.post(page, {**edit, "name": "再改"})
    assert stale.status_code == 412 and "再改" in text(stale) and "meanwhile" in text(stale)
    assert admin.post(page, {**edit, "name": ""}).status_code == 400
    with tenant(enterprise.pk):
        assert Contact.objects.get().name == "改名"


def test_q8_q10_a_full_scale_says_so_in_the_form_and_leaves_nothing(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 1, "free_verified": 1})
        refresh_account(enterprise)
        before = state()
    refused = admin.post(at("contacts/add/"), {"external_userid": "wm9", "name": "新人", "kind": "wechat"})
    assert (
        refused.status_code == 409 and "新人" in text(refused) and "Places needed: 1; taken: 1 of 1." in text(refused)
    )
    with tenant(enterprise.pk):
        assert state() == before


def test_archive_and_restore_say_what_they_do_in_numbers(admin, at, enterprise, contact):
    page = text(admin.get(at(f"contacts/{contact.pk}/")))
    assert "0 instead of 1 of 2,000 are served" in page
    assert admin.post(at(f"contacts/{contact.pk}/archive/")).status_code == 302
    with tenant(enterprise.pk):
        assert Account.objects.get().served == 0
    assert "1 instead of 0 of 2,000" in text(admin.get(at(f"contacts/{contact.pk}/")))
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 1, "free_verified": 1})
        refresh_account(enterprise)
        factories.contact(factories.super_admin(enterprise))
        before = state()
    assert (
        "disabled"
        in re.search(
            r'<button[^>]+data-dialog="#restore"[^>]*>', text(admin.get(at(f"contacts/{contact.pk}/")))
        ).group()
    )
    assert admin.post(at(f"contacts/{contact.pk}/restore/")).status_code == 302  # back, with the reason as a message
    with tenant(enterprise.pk):
        assert state() == before


def test_owner_grade_tags_interaction_purchase_and_friends(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        bob = factories.member("Bob")
        group = tags.create_tag_group(factories.super_admin(enterprise), name="g", tags=["a", "b"])
        a, b = (str(tag.pk) for tag in Tag.objects.filter(group=group))
    post = lambda path, **data: admin.post(at(f"contacts/{contact.pk}/{path}/"), data).status_code
    assert post("owner", owner=str(bob.pk)) == 302
    assert post("grade", grade="high") == 302
    assert post("tags", tags=[a, b]) == 302 and post("tags", tags=[b]) == 302
    assert post("interaction", kind="call", at="", text="聊了") == 302
    assert post("purchase", order_no="A", amount="12.50", paid_at="2026-01-01T08:00") == 302
    assert post("purchase", order_no="A", amount="13", paid_at="2026-01-01T08:00") == 409
    assert post("follow") == 302
    assert post(f"unfollow/{contact.owner_id}", by="contact") == 302
    with tenant(enterprise.pk):
        found = Contact.objects.get()
        assert (found.owner, found.grade, found.grade_source) == (bob, "high", "manual")
        assert list(FollowTag.objects.values_list("tag__name", flat=True)) == ["b"]
        paid = Purchase.objects.get().paid_at
        assert paid.isoformat() == "2026-01-01T00:00:00+00:00"  # 08:00 in Shanghai
        assert set(Follow.objects.values_list("state", flat=True)) == {"active", "deleted_by_contact"}
    for path in ("owner", "grade", "tags", "interaction", "purchase"):
        assert admin.get(at(f"contacts/{contact.pk}/{path}/")).status_code == 200


def test_groups_from_making_to_dissolving(admin, at, enterprise, contact, anna):
    made = admin.post(at("groups/"), {"name": "华南群", "owner": str(anna.pk)})
    assert made.status_code == 302
    with tenant(enterprise.pk):
        group = GroupChat.objects.get()
    page = at(f"groups/{group.pk}/")
    assert admin.post(page, {"people": "wm1\nwmX，新人\n\n"}).status_code == 302
    shown = text(admin.get(page))
    assert "小王" in shown and "新人" in shown and "2 in all" in shown
    assert "华南群" in text(admin.get(at("groups/?search=华"))) and "华南群" not in text(
        admin.get(at("groups/?search=北"))
    )
    unknown = admin.post(page, {"people": "wmNew"})
    assert unknown.status_code == 400 and "wmNew" in text(unknown)
    with tenant(enterprise.pk):
        new = Contact.objects.get(external_userid="wmX")
    assert admin.post(f"{page}leave/", {"contact": str(new.pk)}).status_code == 302
    assert admin.post(f"{page}edit/", {"name": "新名", "owner": str(anna.pk)}).status_code == 302
    with tenant(enterprise.pk):
        assert Account.objects.get().served == 1 and GroupChat.objects.get().name == "新名"
    assert admin.post(f"{page}dismiss/").status_code == 302
    assert "新名" in text(admin.get(at("groups/?dismissed=1")))
    assert browser(anna.user).post(f"{page}dismiss/").status_code == 302  # refused with a message
    assert browser(anna.user).get(f"{page}edit/").status_code == 403


def test_tags_page(admin, at, enterprise, anna):
    assert admin.post(at("tags/"), {"name": "意向", "tags": "高，低"}).status_code == 302
    twice = admin.post(at("tags/"), {"name": "意向", "tags": ""})
    assert twice.status_code == 409 and "There is one of this name already." in text(twice)
    with tenant(enterprise.pk):
        group, high = TagGroup.objects.get(), Tag.objects.get(name="高")
    assert admin.post(at(f"tags/group/{group.pk}/"), {"action": "add", "name": "中"}).status_code == 302
    assert admin.post(at(f"tags/tag/{high.pk}/"), {"name": "很高"}).status_code == 302
    shown = text(admin.get(at("tags/")))
    assert "很高" in shown and "中" in shown and "意向" in shown
    assert "Delete “很高”?" in text(admin.get(at(f"tags/tag/{high.pk}/")))
    assert admin.post(at(f"tags/tag/{high.pk}/"), {"action": "delete"}).status_code == 302
    assert browser(anna.user).get(at(f"tags/group/{group.pk}/")).status_code == 403
    assert admin.post(at(f"tags/group/{group.pk}/"), {"action": "delete"}).status_code == 302
    with tenant(enterprise.pk):
        assert not Tag.objects.exists() and not TagGroup.objects.exists()


def test_c13_o4_who_sees_a_part_renames_tags_and_ends_none(enterprise, at, contact, anna):
    with tenant(enterprise.pk):
        group = tags.create_tag_group(factories.super_admin(enterprise), name="意向", tags=["高", "低"])
        low, high = group.tags.order_by("name")
        tags.tag_contact(factories.actor(enterprise, anna), contact=contact, add=[high])
        role = factories.role("contacts.view", "tags.manage", scope="departments")
        lead = factories.member("组长", role=role)
        before = state()
        for row in (group, high):
            with pytest.raises(Forbidden) as refused:
                tags.delete(factories.actor(enterprise, lead), row=row)
            assert refused.value.code == "whole_enterprise_only"
        with pytest.raises(Forbidden):
            tag_merges.start(factories.actor(enterprise, lead), tag=low, into=high)
        assert state() == before
    page = browser(lead.user).get(at(f"tags/tag/{high.pk}/"))
    assert "高" in text(page) and "Delete" not in text(page) and "vanishes" not in text(page)
    assert browser(lead.user).post(at(f"tags/tag/{high.pk}/"), {"action": "delete"}).status_code == 302
    assert browser(lead.user).post(at(f"tags/tag/{high.pk}/"), {"name": "很高"}).status_code == 302
    with tenant(enterprise.pk):
        assert set(Tag.objects.values_list("name", "taggings__contact__name")) == {("很高", "王小明"), ("低", None)}


def test_empty_pages_say_what_to_do_next(admin, at):
    assert "There are no contacts yet" in text(admin.get(at("contacts/")))
    assert "There are no group chats yet" in text(admin.get(at("groups/")))
    assert "There are no tags yet" in text(admin.get(at("tags/")))


def test_archived_people_in_groups_of_others_do_not_break_pages(admin, at, enterprise, contact):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        group = groups.create_group(actor, name="群")
        groups.invite(actor, group=group, people=[Person("wm1")])
        archive_contact(actor, contact=contact)
    assert "Archived" in text(admin.get(at(f"groups/{group.pk}/")))
    assert "群" in text(admin.get(at(f"contacts/{contact.pk}/groups/")))
