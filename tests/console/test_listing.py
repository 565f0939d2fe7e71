"""Lists for people: numbered pages while that is cheap, cursors beyond, nothing lost in between."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import RequestFactory

from common.paging import Count
from console import listing as module
from console.listing import Listing
from contacts.models import Contact
from tests import factories

pytestmark = pytest.mark.django_db
ORDERINGS = ("added_at", "name")


@pytest.fixture
def contacts(scope):
    with scope():
        Contact.objects.bulk_create(
            [
                Contact(
                    external_userid=f"wm{number}",
                    name=f"客户{number % 7}",
                    added_at=factories.NOON - timedelta(minutes=number // 3),
                    last_contact_at=factories.NOON,
                )
                for number in range(230)
            ]
        )


def listed(query: str = "", **options) -> Listing:
    request = RequestFactory().get(f"/list/{query}")
    return Listing(request, Contact.objects.all(), ordering="-added_at", orderings=ORDERINGS, size=20, **options)


def test_first_page_links_and_count(scope, contacts):
    with scope():
        page = listed("?grade=high&x=%E4%B8%AD")
        assert len(page.rows) == 20 and (page.first, page.last) == (1, 20)
        assert page.count == Count(230, exact=True)
        assert [link.number for link in page.links] == [1, 2, 3, None, 12] and page.jumps
        assert page.previous_url is None
        assert parse_qs(urlsplit(page.next_url).query) == {"grade": ["high"], "x": ["中"], "page": ["2"]}
        assert page.filter_query == "grade=high&x=%E4%B8%AD"
        assert listed("?page=12").last == 230 and listed("?page=12").next_url is None


def test_walking_by_next_meets_every_row_once_also_from_numbers_to_cursors(scope, contacts, monkeypatch):
    monkeypatch.setattr(module, "DEEPEST_OFFSET", 60)  # numbers end at page 4
    with scope():
        expected = list(Contact.objects.order_by("-added_at", "-id").values_list("pk", flat=True))
        seen, query, ways = [], "", []
        for _step in range(20):
            page = listed(query)
            seen += [row.pk for row in page.rows]
            ways.append("number" if page.number else "cursor")
            if page.next_url is None:
                break
            query = page.next_url
        assert seen == expected
        assert ways == ["number"] * 4 + ["cursor"] * 8
        assert [link.number for link in listed(query).links] == [1, None, 4]
        back = listed(query)
        while back.previous_url:
            back = listed(back.previous_url)
        assert [row.pk for row in back.rows] == expected[:20]


def test_page_beyond_the_numbers_shows_the_deepest(scope, contacts, monkeypatch):
    monkeypatch.setattr(module, "DEEPEST_OFFSET", 60)
    with scope():
        assert listed("?page=9999").number == 4
        for nonsense in ("?page=-1", "?page=x", "?page=0", "?page=99999999999999999999", "?page=%D9%A1"):
            assert listed(nonsense).rows


def test_sorting_is_offered_for_indexed_columns_only(scope, contacts):
    with scope():
        page = listed("?ordering=name&page=3")
        assert page.ordering == "name" and page.sortable("name") and not page.sortable("company")
        assert page.sort_url("name") == "?ordering=-name", "a new order starts at page 1"
        assert page.sort_url("added_at") == "?ordering=-added_at"
        assert listed("?ordering=owner__user__password").ordering == "-added_at"
        assert listed("?page_size=100").size == 100 and listed("?page_size=7").size == 20


def test_a_cursor_of_another_list_is_refused(scope, contacts):
    from common.errors import Invalid

    with scope(), pytest.raises(Invalid):
        _ = listed("?cursor=rubbish").rows


def test_empty_list(scope, enterprise):
    with scope():
        page = listed()
        assert page.rows == [] and page.first is None and not page.several and page.next_url is None


def test_two_queries(scope, contacts, django_assert_num_queries):
    with scope():
        page = listed("?page=3")
        with django_assert_num_queries(2):
            _ = (page.rows, page.count, page.links, page.next_url, page.previous_url, page.several, page.last_number)


def test_a_page_far_away_is_jumped_to_with_the_filters_and_one_behind_the_end_left(scope, contacts):
    with scope():
        assert listed().jumps and not listed(counted=Count(60, exact=True)).jumps
        asked = listed("?page=2&grade=low&tag_any=1&tag_any=2&empty=")
        assert asked.other_params == [("grade", "low"), ("tag_any", "1"), ("tag_any", "2")] and not asked.first_url
        assert listed("?page=99&grade=low").first_url == "?grade=low"
