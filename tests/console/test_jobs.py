"""Pages of jobs and notifications (X4): live progress that ends, cancel, retry, undo, report; one's own only (O5)."""

import re
from datetime import timedelta

import pytest

import tests.jobs.handlers  # noqa: F401
from common import clock
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.actors import Actor
from jobs import notifications, services
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def person(enterprise):
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise).member.user


@pytest.fixture
def browser(client, person):
    person.language = "en"
    person.save()
    client.force_login(person)
    client.cookies["language"] = "en"
    return client


def queue(enterprise, name="tests.count", member=None, **params):
    with tenant(enterprise.pk):
        actor = Actor.of(enterprise, member, "console") if member else factories.super_admin(enterprise)
        return services.enqueue(actor, name=name, params=params or {"upto": 2})


def page(enterprise, run=None, action=""):
    return f"/e/{enterprise.code}/jobs/" + (f"{run.pk}/{action}" if run else "")


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_x4_progress_renews_itself_until_the_end(browser, enterprise):
    run = queue(enterprise)
    whole = browser.get(page(enterprise, run))
    assert whole.status_code == 200 and "<html" in whole.content.decode()
    assert f'hx-get="{page(enterprise, run)}"' in whole.content.decode()
    part = browser.get(page(enterprise, run), headers=HTMX)
    assert part.status_code == 200 and part.content.decode().startswith('<div id="job" hx-get=')
    execute_run(enterprise.pk, run.pk)
    last = browser.get(page(enterprise, run), headers=HTMX)
    assert last.status_code == 286 and "hx-get" not in last.content.decode()
    assert "Done" in text(last) and "2 / 2" in text(last)
    # Reloading the page shows the same, and renews nothing.
    again = browser.get(page(enterprise, run))
    assert again.status_code == 200 and 'hx-trigger="every' not in again.content.decode()


def test_result_in_words_and_report(browser, enterprise):
    run = queue(enterprise, "tests.report", filename="拒绝.csv")
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        result = {"rows": 12345, "refused": 2, "refusals": {"bad_date": 2}, "dry_run": False, "odd": "thing"}
        JobRun.objects.filter(pk=run.pk).update(result=result)
    shown = text(browser.get(page(enterprise, run)))
    assert "Rows 12,345" in shown and "Check only No" in shown and "odd thing" in shown
    assert "This is not a date" in shown and "拒绝.csv" in shown
    report = browser.get(page(enterprise, run, "report/"))
    assert b"".join(report.streaming_content).decode().startswith("id,")
    assert report["Content-Disposition"].startswith("attachment")


def test_cancel_then_it_is_over(browser, enterprise):
    run = queue(enterprise)
    answer = browser.post(page(enterprise, run, "cancel/"), follow=True)
    assert "The job was cancelled." in text(answer) and "Cancelled" in text(answer)
    again = browser.post(page(enterprise, run, "cancel/"), follow=True)
    assert "This job has ended already." in text(again)
    assert browser.get(page(enterprise, run, "cancel/")).status_code == 405


def test_failure_in_words_and_retry(browser, enterprise):
    run = queue(enterprise, "tests.refuse")
    execute_run(enterprise.pk, run.pk)
    shown = browser.get(page(enterprise, run))
    assert "This job has ended already." in text(shown) and "Try again" in text(shown)
    browser.post(page(enterprise, run, "retry/"))
    with tenant(enterprise.pk):
        assert JobRun.objects.get(pk=run.pk).state == "queued"


def test_undo_says_how_long(browser, enterprise):
    run = queue(enterprise)
    execute_run(enterprise.pk, run.pk)
    assert "Undo" not in text(browser.get(page(enterprise, run), headers=HTMX))
    with tenant(enterprise.pk):
        JobRun.objects.update(undo_until=clock.now() + timedelta(days=3, minutes=1))
    assert "can be undone for 3 more days" in text(browser.get(page(enterprise, run)))
    with tenant(enterprise.pk):  # a minute after it began with 30
        JobRun.objects.update(undo_until=clock.now() + timedelta(days=29, hours=23, minutes=59))
    assert "can be undone for 30 more days" in text(browser.get(page(enterprise, run)))
    with tenant(enterprise.pk):
        undoing = services.undo(factories.super_admin(enterprise), run=run)
    shown = browser.get(page(enterprise, run)).content.decode()
    assert page(enterprise, undoing) in shown and "more days" not in shown


def test_list_filters(browser, enterprise):
    done, waiting = queue(enterprise), queue(enterprise, "tests.report")
    execute_run(enterprise.pk, done.pk)
    whole = browser.get(page(enterprise)).content.decode()
    assert page(enterprise, done) in whole and page(enterprise, waiting) in whole
    one = browser.get(page(enterprise) + "?state=done").content.decode()
    assert page(enterprise, done) in one and page(enterprise, waiting) not in one
    assert browser.get(page(enterprise) + "?state=nonsense").status_code == 200


def test_list_costs_the_same_for_one_and_many(browser, enterprise, django_assert_max_num_queries):
    for _ in range(6):
        queue(enterprise)
    with django_assert_max_num_queries(13):
        browser.get(page(enterprise))


def test_o5_jobs_of_others_are_not_found(client, browser, enterprise, other_enterprise):
    theirs, foreign = queue(enterprise), queue(other_enterprise)
    with tenant(enterprise.pk):
        staff = factories.member()
    client.force_login(staff.user)
    nothing = client.get(f"/e/{enterprise.code}/jobs/{uuid7()}/")
    assert nothing.status_code == 404
    for run in (theirs, foreign):
        for action, method in (("", "get"), ("report/", "get"), ("cancel/", "post"), ("retry/", "post")):
            answer = getattr(client, method)(page(enterprise, run, action), headers=HTMX if method == "post" else {})
            assert answer.status_code == 404
    assert str(theirs.pk) not in client.get(page(enterprise)).content.decode()


def test_bell_and_notifications(browser, enterprise):
    run = queue(enterprise, "tests.crash")
    execute_run(enterprise.pk, run.pk)
    url = f"/e/{enterprise.code}/notifications/"
    assert "Unread notifications: 1" in text(browser.get(page(enterprise)))
    shown = browser.get(url)
    assert "Failed: Crash" in text(shown) and "Mark all as read" in text(shown)
    with tenant(enterprise.pk):
        [row] = notifications.of(factories.super_admin(enterprise))
    opened = browser.post(f"{url}{row.pk}/")
    assert opened.headers["Location"] == page(enterprise, run)
    assert "Unread notifications: 0" in text(browser.get(url))
    assert browser.post(url).headers["Location"] == url
    assert browser.post(f"{url}{uuid7()}/", headers=HTMX).status_code == 404
