"""C5, C8: bulk work in the console: numbers first, then the question, then a job that can be taken back."""

from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from common.tenancy import tenant
from contacts.models import Contact, Tag, TagGroup
from enterprises.actors import Actor
from jobs.models import JobRun
from tests import crowd, factories
from tests.contacts.bulk import do, finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(enterprise) -> Actor:
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise)


@pytest.fixture
def console(enterprise, admin, client) -> Client:
    client.force_login(admin.member.user)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.cookies["language"] = "en"
    return client


def url(enterprise, name: str, **kwargs) -> str:
    return reverse(name, kwargs={"code": enterprise.code, **kwargs})


def text(response) -> str:
    return " ".join(unescape(response.content.decode()).split())


def newest(enterprise) -> JobRun:
    with tenant(enterprise.pk):
        return JobRun.objects.order_by("-created_at", "-id").first()


def test_c5_from_the_bar_to_the_numbers_to_the_job(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 5)
        gone = crowd.contacts(admin, 1, prefix="ar", status="archived")
    page = url(enterprise, "bulk", action="archive")
    answer = console.post(page, {"ids": [str(pk) for pk in ids[:3] + gone], "count": "4"})
    assert answer.status_code == 302 and answer["Location"].startswith(f"{page}?ids=")
    shown = console.get(answer["Location"])
    assert shown.status_code == 200
    assert shown.context["preview"].affected == 3 and shown.context["preview"].excluded == {"already_archived": 1}
    assert "The contact is archived already." in text(shown)
    start = console.post(f"{url(enterprise, 'bulk-start', action='archive')}?{urlsplit(answer['Location']).query}")
    run = newest(enterprise)
    assert start["Location"] == url(enterprise, "job", pk=run.pk)
    assert finish(enterprise, run).result["freed"] == 3


def test_c5_everybody_of_a_filter(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 6)
        Contact.objects.filter(pk__in=ids[:2]).update(grade="high")
    page = url(enterprise, "bulk", action="archive")
    answer = console.post(page, {"all": "1", "filter": "grade=low&page=3&ordering=name", "count": "7", "ids": [ids[0]]})
    shown = console.get(answer["Location"])
    assert shown.context["preview"].affected == 4
    assert "The list showed 7 contacts; now there are 4." in text(shown)
    console.post(f"{url(enterprise, 'bulk-start', action='archive')}?{urlsplit(answer['Location']).query}")
    run = newest(enterprise)
    assert run.params == {"options": {}, "filter": {"grade": ["low"]}}
    assert finish(enterprise, run).result["done"] == 4


def test_c13_tags_are_chosen_on_the_page(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 3, follower=admin.member)
        tag = Tag.objects.create(group=TagGroup.objects.create(name="等级"), name="金卡")
    page = url(enterprise, "bulk", action="tag")
    there = console.post(page, {"ids": [str(pk) for pk in ids]})["Location"]
    shown = console.get(there)
    assert not shown.context["ready"] and shown.context["preview"].total == 3 and "金卡" in text(shown)
    shown = console.get(f"{there}&{urlencode({'tags': tag.pk})}")
    assert shown.context["ready"] and shown.context["preview"].affected == 3
    console.post(f"{url(enterprise, 'bulk-start', action='tag')}?{urlsplit(there).query}", {"tags": [tag.pk]})
    assert finish(enterprise, newest(enterprise)).result["done"] == 3


def test_o1_a_new_owner_is_chosen_on_the_page(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 3)
        member = factories.member(name="接手人")
    there = console.post(url(enterprise, "bulk", action="transfer"), {"ids": [str(pk) for pk in ids]})["Location"]
    assert "接手人" in text(console.get(there))
    shown = console.get(f"{there}&owner={member.pk}")
    assert shown.context["ready"] and shown.context["preview"].affected == 3
    start = f"{url(enterprise, 'bulk-start', action='transfer')}?{urlsplit(there).query}"
    assert console.post(start, {"owner": ""}).status_code == 400
    console.post(start, {"owner": str(member.pk)})
    assert finish(enterprise, newest(enterprise)).result["done"] == 3


def test_c8_deleting_asks_for_the_number(enterprise, admin, console):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 4, status="archived")
    there = console.post(url(enterprise, "bulk", action="delete"), {"all": "1", "filter": "status=archived"})[
        "Location"
    ]
    shown = console.get(there)
    assert 'data-must-be="4"' in text(shown) and "Export them first." in text(shown)
    start = f"{url(enterprise, 'bulk-start', action='delete')}?{urlsplit(there).query}"
    wrong = console.post(start, {"count": "3"})
    assert wrong.status_code == 409 and "another one now" in text(wrong)
    assert console.post(start, {"count": "all"}).status_code == 400
    assert newest(enterprise) is None
    console.post(start, {"count": " 0,004"})  # separators are forgiven
    assert finish(enterprise, newest(enterprise)).result["done"] == 4


def test_q10_restore_says_what_is_missing_and_what_would_help(enterprise, admin, console):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 1998)
        crowd.contacts(admin, 3, prefix="ar", status="archived")
    there = console.post(url(enterprise, "bulk", action="restore"), {"all": "1", "filter": "status=archived"})[
        "Location"
    ]
    shown = console.get(there)
    assert "places needed; 2 are free" in text(shown) and "Archive 1 contacts." in text(shown)
    start = f"{url(enterprise, 'bulk-start', action='restore')}?{urlsplit(there).query}"
    console.post(start, {"on_full": "refuse"})
    refused = finish(enterprise, newest(enterprise))
    assert refused.state == "failed"
    assert "Archive 1 contacts." in text(console.get(url(enterprise, "job", pk=refused.pk)))
    console.post(start, {"on_full": "partial"})
    assert finish(enterprise, newest(enterprise)).result["taken"] == 2


def test_c5_undo_shows_the_numbers_first(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 4)
    run = do(enterprise, "archive", ids=ids)
    with tenant(enterprise.pk):
        Contact.objects.filter(pk=ids[0]).update(status="lost")
    page = url(enterprise, "job-undo", pk=run.pk)
    shown = console.get(page)
    assert shown.context["preview"].affected == 3 and "Somebody changed the contact since." in text(shown)
    answer = console.post(page)
    undoing = newest(enterprise)
    assert undoing.undoes_id == run.pk and answer["Location"] == url(enterprise, "job", pk=undoing.pk)
    assert finish(enterprise, undoing).result["taken"] == 3


def test_o5_pages_of_what_one_may_not_do_or_see(enterprise, other_enterprise, admin, client):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 1)
        staff = factories.member()
    run = do(enterprise, "archive", ids=ids)
    client.force_login(staff.user)
    assert client.get(url(enterprise, "bulk", action="delete") + "?filter=").status_code == 403
    assert client.get(url(enterprise, "bulk", action="explode") + "?filter=").status_code == 404
    assert client.get(url(enterprise, "job-undo", pk=run.pk)).status_code == 404
    assert client.get(url(other_enterprise, "bulk", action="tag") + "?filter=").status_code == 404
    assert client.get(url(enterprise, "bulk", action="tag")).status_code == 400
    assert client.get(url(enterprise, "bulk", action="tag") + "?ids=x").status_code == 400


def test_the_address_of_a_selection_is_short(enterprise, admin, console):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 100)
    there = console.post(url(enterprise, "bulk", action="archive"), {"ids": [str(pk) for pk in ids]})["Location"]
    assert len(there) < 2500 and list(parse_qs(urlsplit(there).query)) == ["ids"]
    assert console.get(there).context["preview"].affected == 100


def test_c8_the_clean_up_page_leads_through_its_steps(enterprise, admin, console, django_assert_max_num_queries):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 5)
        Contact.objects.filter(pk__in=ids[:3]).update(inactive=True)
        crowd.contacts(admin, 2, prefix="ar", status="archived")
    with django_assert_max_num_queries(17):
        shown = console.get(url(enterprise, "inactive"))
    assert (shown.context["silent"]["count"].value, shown.context["never"]["count"].value) == (3, 2)
    archive = console.get(shown.context["silent"]["bulk_url"])
    assert (archive.context["preview"].affected, archive.context["preview"].frees) == (3, 3)
    assert console.get(shown.context["never"]["bulk_url"]).context["preview"].affected == 2
    run = do(enterprise, "archive", filter={"inactive": "true"})
    assert url(enterprise, "job-undo", pk=run.pk) in text(console.get(url(enterprise, "inactive")))
