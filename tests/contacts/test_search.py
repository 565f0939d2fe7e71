"""contacts.search: finding contacts in a database (C11), and the function that reads over the wall (X2)."""

import json
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from common.sql import execute, rows
from common.tenancy import tenant
from common.terms import mark, question
from contacts import search
from contacts.filters import ContactFilter
from contacts.models import Contact, SearchEntry
from contacts.services import groups
from contacts.services.contacts import edit_contact
from contacts.services.search_entries import fingerprint, index
from tests import crowd, factories
from tests.contacts.conftest import grant
from tests.contacts.lists import listed, page_of

pytestmark = pytest.mark.django_db
ALL = "SELECT count(*) FROM contacts_found(%s::tsquery, %s::tsquery, NULL)"
IDS = "SELECT contacts_found(%s::tsquery, %s::tsquery, NULL)"


def found(actor, text):
    """By every way there is to ask: as a set, as a list, and counted."""
    asked = ContactFilter.from_params({"search": text}, actor)
    names = sorted(asked.queryset().values_list("name", flat=True))
    assert sorted(contact.name for contact in listed(asked)) == names
    assert (asked.count().value, asked.count().exact) == (len(names), True)
    return names


def suggested(actor, text, **options):
    return [contact.name for contact, _called in search.suggestions(actor, text, **options)]


@pytest.fixture
def people(inside):
    factories.contact(inside, name="王小明", external_userid="wmA", phones=["+86 138 0013 8000"])
    factories.contact(inside, name="李王", remark="王总", external_userid="wmB")
    factories.contact(inside, name="Anna", company="王氏集团", external_userid="wmC")
    factories.contact(inside, name="100%_", external_userid="wmD")
    return inside


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_c11_name_remark_company_phone_and_id_find(people, few, monkeypatch):
    """Few hits are looked up, many are met on the way down the list: the answer is the same."""
    monkeypatch.setattr(search, "FEW", few)
    assert found(people, "王") == found(people, "wa") == ["Anna", "李王", "王小明"]
    assert found(people, " 王小 ") == found(people, "小明") == found(people, "wxm") == ["王小明"]
    assert found(people, "wang xm") == found(people, "小明 王") == ["王小明"]
    assert found(people, "wz") == ["李王"] and found(people, "wsjt") == ["Anna"]
    assert found(people, "wmB") == ["李王"] and found(people, "wmb") == found(people, "wmZ") == []
    assert found(people, "138 0013 8000") == found(people, "1380013") == found(people, "8000") == ["王小明"]
    assert found(people, "%") == found(people, "' | '") == found(people, "\\") == []
    assert found(people, "100%") == ["100%_"]
    assert len(found(people, "  ")) == 4


def test_c11_what_is_found_follows_every_change(people):
    contact = Contact.objects.get(external_userid="wmA")
    edit_contact(people, contact=contact, name="赵六", phones=["13900139000"])
    assert found(people, "王小明") == found(people, "8000") == []
    assert found(people, "zhaoliu") == found(people, "13900139000") == ["赵六"]
    group = groups.create_group(people, name="群")
    groups.invite(people, group=group, people=[groups.Person("wmE", "钱七")])
    assert found(people, "qq") == ["钱七"]


def test_c11_what_was_changed_past_the_services_is_noticed(people):
    everybody = list(Contact.objects.values_list("pk", flat=True))
    Contact.objects.filter(external_userid="wmA").update(name="孙八")
    SearchEntry.objects.filter(contact__external_userid="wmB").delete()
    assert found(people, "sb") == found(people, "李王") == []
    assert (index(everybody), index(everybody)) == (2, 0)
    assert found(people, "sb") == ["孙八"] and found(people, "李王") == ["李王"]


def test_c11_the_nightly_job_renews_what_is_stale_step_by_step(enterprise, monkeypatch):
    monkeypatch.setattr("contacts.services.search_entries.STEP", 2)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        for name in ("甲", "乙", "丙"):
            factories.contact(actor, name=name)
        Contact.objects.filter(name="乙").update(name="丁")
    results = []
    for _night in range(2):
        out = StringIO()
        call_command("run_job", "contacts.index", "--enterprise", str(enterprise.pk), stdout=out)
        results.append(json.loads(out.getvalue())["result"])
    assert results == [{"contacts": 3, "renewed": 1}, {"contacts": 3, "renewed": 0}]
    with tenant(enterprise.pk):
        assert found(factories.super_admin(enterprise), "丁") == ["丁"]


def test_c11_the_fingerprint_is_the_same_here_and_in_the_database(people):
    factories.contact(people, name="é\u0301 👩‍👩‍👧", remark="'\"\\", company="{,}", phones=["1", "2"])
    assert index(list(Contact.objects.values_list("pk", flat=True))) == 0
    assert fingerprint("a", "", "", ["1"]) != fingerprint("a", "", "1", [])


def test_c11_suggestions_rank_names_before_parts_and_the_last_in_contact_first(inside):
    for name, remark in (("王明", ""), ("小王明月", ""), ("Bo", "王明"), ("王明明", ""), ("赵", "")):
        factories.contact(inside, name=name, remark=remark, company="王明公司" if name == "赵" else "")
    assert suggested(inside, "王明") == ["Bo", "王明", "王明明", "小王明月", "赵"]
    assert suggested(inside, "wm") == ["Bo", "王明", "王明明", "小王明月", "赵"]
    Contact.objects.filter(name="王明").update(last_contact_at=factories.NOON.replace(year=2027))
    Contact.objects.filter(name="Bo").update(status="archived")
    assert suggested(inside, "wangming", size=2) == ["王明", "Bo"]
    assert suggested(inside, "") == suggested(inside, "nobody") == suggested(inside, "!") == []


def test_c11_of_very_many_the_last_in_contact_are_suggested(inside, monkeypatch):
    monkeypatch.setattr(search, "FEW", 1)
    for day, name in enumerate(("王一", "王二", "王三"), 1):
        contact = factories.contact(inside, name=name)
        Contact.objects.filter(pk=contact.pk).update(last_contact_at=factories.NOON.replace(day=day))
    assert suggested(inside, "w", size=2) == ["王三", "王二"]


def test_c11_many_are_counted_by_a_sample_and_called_so(inside, monkeypatch):
    for number in range(12):
        factories.contact(inside, name=f"王{number}" if number % 3 else "李")
    asked = ContactFilter.from_params({"search": "w"}, inside)
    monkeypatch.setattr(search, "FEW", 4)
    assert (asked.count().value, asked.count().exact) == (8, True)
    monkeypatch.setattr("common.paging.EXACT_COUNT", 5)
    monkeypatch.setattr(search, "SAMPLE", 6)
    counted = search.paging.Count(1200, exact=False)
    monkeypatch.setattr(search.paging, "count", lambda contacts, **_asked: counted)
    assert (asked.count().value, asked.count().exact) == (800, False)


def test_o5_search_finds_only_what_one_sees(team):
    factories.contact(team.admin, name="王小明", follower=team.anna, phones=["13800138000"])
    factories.contact(team.admin, name="王小花", follower=team.bob)
    assert found(team.actors.anna, "王") == suggested(team.actors.anna, "wx") == ["王小明"]
    assert found(team.actors.graded, "王") == suggested(team.actors.graded, "13800138000") == ["王小明"]
    assert found(team.actors.bob, "小明") == suggested(team.actors.bob, "13800138000") == []


def test_c11_phones_find_nobody_for_those_who_may_not_see_them(people, enterprise):
    role = factories.role("contacts.view")
    blind = factories.actor(enterprise, factories.member(role=role))
    assert found(blind, "王小明") == ["王小明"]
    assert found(blind, "13800138000") == found(blind, "1380") == found(blind, "8000") == suggested(blind, "8000") == []
    assert found(grant(blind, "contacts.phones"), "13800138000") == ["王小明"]


def pages(asked, size=2):
    """The names of all pages, one after the other."""
    names, cursor = [], None
    while True:
        page = page_of(asked, size=size, cursor=cursor)
        names.append([contact.name for contact in page.rows])
        cursor = page.next
        if cursor is None:
            return names


@pytest.mark.parametrize("near", [1, 3, 5, 4_000])
def test_c11_of_several_words_many_are_expected_and_few_or_many_found(inside, near, monkeypatch):
    """Whether a page is met near or all are collected: the same rows, and the count is exact."""
    for number in range(8):
        at = factories.NOON - timedelta(days=9 - number)
        factories.contact(inside, name=f"{'王' if number % 3 else '李'}{number}", company="商贸", added_at=at)
    expected = [["王7", "王5"], ["王4", "王2"], ["王1"]]
    wanted = ContactFilter.from_params({"search": "王 商贸"}, inside)
    assert pages(wanted) == expected
    monkeypatch.setattr(search, "SURELY", -1)
    monkeypatch.setattr(search, "NEAR", near)
    assert pages(wanted) == expected
    for number, names in enumerate(expected):
        assert [contact.name for contact in page_of(wanted, size=2, start=2 * number).rows] == names
    assert (wanted.count().value, wanted.count().exact) == (5, True)
    assert found(inside, "王 商贸") == sorted(name for page in expected for name in page)
    assert pages(ContactFilter.from_params({"search": "王 华为"}, inside)) == [[]]


def test_o5_what_is_met_near_is_only_what_one_sees(team, monkeypatch):
    monkeypatch.setattr(search, "SURELY", -1)
    factories.contact(team.admin, name="王小明", company="商贸", follower=team.anna)
    factories.contact(team.admin, name="王小花", company="商贸", follower=team.bob)
    for actor, names in ((team.actors.anna, ["王小明"]), (team.actors.graded, ["王小明"]), (team.actors.carl, [])):
        wanted = ContactFilter.from_params({"search": "王 商贸"}, actor)
        assert pages(wanted, size=1) == [names] and suggested(actor, "王 商贸", size=1) == names


def test_c11_of_several_words_the_best_are_suggested_unless_the_list_is_full_of_hits(inside, monkeypatch):
    for name in ("王明", "小王明月", "王明明"):
        factories.contact(inside, name=name, company="商贸", remark="王 明" if name == "小王明月" else "")
    ranked = suggested(inside, "王 明")
    monkeypatch.setattr(search, "SURELY", -1)
    assert suggested(inside, "王 明") == ranked == ["小王明月", "王明", "王明明"]
    # More hits than there is room for, and near: the last in contact.
    assert suggested(inside, "王 明", size=2) == ["王明明", "小王明月"]
    monkeypatch.setattr(search, "NEAR", 1)
    assert suggested(inside, "王 明", size=2) == ranked[:2]


@pytest.mark.parametrize("count", [1, 3])
def test_c11_suggestions_and_a_list_take_two_queries(inside, count, django_assert_num_queries):
    for _each in range(count):
        factories.contact(inside, name="王小明")
    with django_assert_num_queries(2):
        assert [one.contact.owner.name for one in search.suggestions(inside, "wxm")] == [inside.member.name] * count
    with django_assert_num_queries(2):
        assert len(listed(ContactFilter.from_params({"search": "wxm"}, inside))) == count


def test_c11_the_api_suggests(api, enterprise, scope):
    with scope():
        contact = factories.contact(factories.super_admin(enterprise), name="王小明", remark="老王", company="华为")
    [row] = api.get("/api/v1/contacts/search?q=wxm").json()["results"]
    assert (row["id"], row["name"], row["remark"]) == (str(contact.pk), "王小明", "老王")
    assert set(row) == {"id", "external_userid", "name", "remark", "kind", "company", "status", "owner", "called"}
    assert api.get("/api/v1/contacts/search").json() == {"results": []}
    for wrong in ("q=%00", "q=x&size=0", "q=x&size=21", f"q={'x' * 129}", "q=x&colour=red"):
        assert api.get(f"/api/v1/contacts/search?{wrong}").status_code == 400, wrong
    listed = api.get("/api/v1/contacts?search=xiao m&count=1").json()
    assert [row["name"] for row in listed["results"]] == ["王小明"] and listed["count"] == {"value": 1, "exact": True}


# --- The function that reads over the wall (X2) ---------------------------------------------------------------


@pytest.fixture
def both(enterprise, other_enterprise):
    for one in (enterprise, other_enterprise):
        with tenant(one.pk):
            factories.contact(factories.super_admin(one), name="王小明")
    return enterprise, other_enterprise


def hits(asked):
    """Of a question, or of a tsquery that is looked up as it is."""
    return rows(ALL, (asked, asked) if isinstance(asked, str) else asked)[0][0]


def test_x2_the_function_answers_with_ids_of_the_enterprise_in_scope(both):
    mine, _theirs = both
    with tenant(mine.pk):
        [own] = Contact.objects.values_list("pk", flat=True)
        assert rows(IDS, question("wxm", mine.pk)) == [(own,)]


def test_x2_another_enterprises_mark_finds_nothing(both):
    mine, theirs = both
    assert mark(mine.pk) != mark(theirs.pk)
    with tenant(mine.pk):
        for asked in (question("wxm", theirs.pk), f"'{mark(theirs.pk)}':*", f"!'{mark(mine.pk)}王小'"):
            assert hits(asked) == 0
        everything = f"'{mark(theirs.pk)}':* | '{mark(mine.pk)}':* | !'x'"
        assert hits(everything) == Contact.objects.count() == 1


def test_x2_two_enterprises_of_one_mark_stay_apart(both):
    """A mark is short: that it is the same by chance must cost nothing but a look."""
    mine, theirs = both
    with tenant(theirs.pk):
        execute(
            "UPDATE contacts_searchentry SET terms = array_to_tsvector(ARRAY[%(term)s])",
            {"term": mark(mine.pk) + "wang"},
        )
        assert hits(question("wang", mine.pk)) == 1
    with tenant(mine.pk):
        assert hits(question("wang", mine.pk)) == 1
        [own] = Contact.objects.values_list("pk", flat=True)
        assert rows(IDS, question("wang", mine.pk)) == [(own,)]


def test_x2_what_is_sought_is_no_way_around_what_is_wanted(both):
    """The first question only says where to look: both must hold, and the enterprise's id as well."""
    mine, theirs = both
    own, other = question("wxm", mine.pk).wanted, question("wxm", theirs.pk).wanted
    with tenant(mine.pk):
        for asked in ((own, other), (other, own), (other, other), ("!'x'", other), (own, "'x'")):
            assert hits(asked) == 0
        assert hits((own, own)) == hits((f"'{mark(mine.pk)}':*", own)) == hits(("!'x'", "!'x'")) == 1
        for broken in ("'", "((", ""):
            for asked in ((broken, own), (own, broken)):
                with pytest.raises(DatabaseError) if broken else nullcontext(), transaction.atomic():
                    assert hits(asked) == 0


@pytest.mark.parametrize(
    "text", ["wangxi", "wangxiao", "wxiaoming", "wangxm", "wangw", "xiaoming", "wang xm", "xiaom华", "wangwei", "mingh"]
)
def test_c11_what_is_sought_loses_nobody(inside, text):
    """Less is asked of the index than is wanted; whom it finds beyond that, the look at the row leaves out."""
    for name in (
        "王小明",
        "王晓",
        "王熙",
        "王伟",
        "王威",
        "王小明华",
        "Wang Xiaoming",
        "Wang Weiss",
        "小明",
        "汪洋",
        "王芳",
    ):
        factories.contact(inside, name=name)
    asked = question(text, inside.enterprise.pk)
    assert set(rows(IDS, asked)) == set(rows(IDS, (asked.wanted, asked.wanted))) <= set(rows(IDS, (asked.sought,) * 2))


def test_c11_too_many_to_look_at_are_left_to_the_index(inside):
    """8 000 hits of what is sought are looked at; of more the index is asked all that is wanted: the same are found."""
    ids = crowd.contacts(inside, search.LOOKED_AT + 1, status="archived")
    execute(
        """
        INSERT INTO contacts_searchentry (id, enterprise_id, contact_id, terms, fingerprint)
        SELECT uuid7(), %(e)s, id,
               array_to_tsvector(ARRAY['a'] || CASE WHEN n %% 4000 = 1 THEN ARRAY['b'] ELSE '{}' END), uuid7()
        FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS given (id, n)
        """,
        {"e": inside.enterprise.pk, "ids": ids},
    )
    asked = "'a'", "'a' & 'b'"
    expected = {ids[0], ids[4000], ids[8000]}
    assert {pk for (pk,) in rows(IDS, asked)} == expected and hits(asked) == 3
    SearchEntry.objects.filter(contact_id=ids[8000]).delete()
    assert {pk for (pk,) in rows(IDS, asked)} == expected - {ids[8000]}
    plan = "\n".join(line for (line,) in rows("EXPLAIN (ANALYZE, VERBOSE) " + ALL, asked))
    assert "Function Scan on public.contacts_found" in plan, "asked once, and not while planning"


@pytest.mark.parametrize("setting", ["", "x", "'; SELECT 1", None])
def test_x2_without_a_scope_the_function_fails(both, setting):
    with pytest.raises(DatabaseError), transaction.atomic():
        if setting is not None:
            execute("SELECT set_config('app.enterprise_id', %(setting)s, true)", {"setting": setting})
        hits(question("wxm", both[0].pk))


def test_x2_what_is_typed_stays_a_text(both):
    mine, _theirs = both
    with tenant(mine.pk):
        for text in (
            "') OR true --",
            "'; DROP TABLE contacts_contact; --",
            "wxm' | 'y",
            "$$ $$",
            "\\'",
            "' <-> '",
            "!!",
        ):
            assert hits(question(text, mine.pk)) == 0
        for broken in ("'", "a & ", "((", "x:Z"):
            with pytest.raises(DatabaseError), transaction.atomic():
                hits(broken)


def test_x2_a_shadow_does_not_fool_the_function(both):
    """Neither a table nor a function, operator or setting of the caller's own gets in."""
    mine, _theirs = both
    with tenant(mine.pk):
        execute(
            "CREATE TEMP TABLE contacts_searchentry AS"
            " SELECT %(id)s::uuid AS enterprise_id, %(id)s::uuid AS contact_id, 'x'::tsvector AS terms",
            {"id": mine.pk},
        )
        execute("SET LOCAL search_path = pg_temp, public")
        assert hits("'x'") == 0 and hits(question("wxm", mine.pk)) == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            execute("CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT 1'")
        execute("DROP TABLE pg_temp.contacts_searchentry")


def test_x2_the_function_is_for_the_program_alone_and_says_ids(both):
    [(result, volatile, acl)] = rows(
        "SELECT pg_get_function_result(oid), provolatile::text, proacl::text FROM pg_proc"
        " WHERE proname = 'contacts_found'"
    )
    assert (result, volatile) == ("SETOF uuid", "s")
    assert "=X/" not in acl.replace("scrm_app=X/", "").replace("scrm_owner=X/", "")


def test_x2_the_most_is_the_most(people):
    asked = question("w", people.enterprise.pk)
    ask = "SELECT count(*) FROM contacts_found(%s::tsquery, %s::tsquery, %s)"
    assert [rows(ask, (*asked, most))[0][0] for most in (0, 1, 2, 9)] == [0, 1, 2, 3]


# --- How many are expected (X2) -------------------------------------------------------------------------------


def test_c11_what_surely_many_have_is_not_collected_first(inside, monkeypatch):
    for number in range(12):
        factories.contact(inside, name=f"王{number}")
    monkeypatch.setattr(search, "FEW", 4)
    for surely in (10_000, -1):
        monkeypatch.setattr(search, "SURELY", surely)
        asked = ContactFilter.from_params({"search": "w"}, inside)
        with CaptureQueriesContext(connection) as asked_for:
            assert len(listed(asked)) == 12
        assert "@@" in asked_for[-1]["sql"]
        assert suggested(inside, "w") == [f"王{number}" for number in range(11, 3, -1)]
    # Words that must all be found are looked up, whatever is expected of them.
    assert found(inside, "王 11") == ["王11"]


def test_x2_what_is_expected_needs_a_scope_and_says_only_a_number(both):
    mine, _theirs = both
    ask = "SELECT contacts_expected(%s::tsquery)"
    with pytest.raises(DatabaseError), transaction.atomic():
        rows(ask, [question("wxm", mine.pk).wanted])
    with tenant(mine.pk):
        for text in ("wxm", "') ; DROP TABLE contacts_contact; --", "$$ x $$", "%", "{0}", "\\'"):
            asked = question(text, mine.pk).wanted
            assert asked == "" or rows(ask, [asked])[0][0] >= 0
        for words in ("'a''b'", "'); SELECT 1 --'", "'%s'", "'x':*A"):
            assert rows(ask, [words])[0][0] >= 0
        assert Contact.objects.count() == 1


def test_x2_a_shadow_does_not_fool_the_expectation(both):
    mine, _theirs = both
    ask = "SELECT contacts_expected('x'::tsquery)"
    with tenant(mine.pk):
        before = rows(ask)
        execute(
            "CREATE TEMP TABLE contacts_searchentry AS SELECT 'x'::tsvector AS terms FROM generate_series(1, 99999)"
        )
        execute("ANALYZE contacts_searchentry")
        execute("SET LOCAL search_path = pg_temp, public")
        assert rows(ask) == before
