"""Pages of alerts, webhooks, preferences, and the bell (Q13)."""

import re

import pytest

from common.tenancy import tenant
from enterprises.services import policy
from jobs import notifications, services
from jobs.models import Delivery, JobRun, Notification, NotificationPreference, Webhook
from jobs.sending import outbox
from quota import services as quota
from quota.models import Account
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


@pytest.fixture
def root(enterprise):
    return f"/e/{enterprise.code}"


@pytest.fixture
def webhook(enterprise):
    with tenant(enterprise.pk):
        made, _secret = services.create_webhook(
            factories.super_admin(enterprise), name="ERP", url="https://hooks.example.com/a"
        )
        return made


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_q13_the_page_shows_what_stands_and_stood(browser, root, enterprise):
    assert "No line was crossed yet" in text(browser.get(f"{root}/alerts/"))
    for served in (1700, 1500):
        with tenant(enterprise.pk):
            Account.objects.update(served=served)
            quota.review(enterprise)
    with tenant(enterprise.pk):
        Account.objects.update(served=2001)
        quota.review(enterprise)
    shown = text(browser.get(f"{root}/alerts/"))
    assert "2,001 of 2,000 served" in shown and "No webhook yet" in shown
    assert shown.count("stands") == 5 and "Over the scale" in shown and "1,700 / 2,000" in shown


def test_q13_thresholds_are_changed_here_and_nonsense_is_refused(browser, root, enterprise):
    values = {"alert_thresholds": "70, 90", "alert_days": "60, 7", "alert_hysteresis": "5"}
    assert browser.post(f"{root}/alerts/", values).status_code == 302
    with tenant(enterprise.pk):
        numbers = policy()
        assert (numbers.alert_thresholds, numbers.alert_days, numbers.alert_hysteresis) == ((70, 90), (60, 7), 5)
        assert numbers.grade_high == 5000
    refused = browser.post(f"{root}/alerts/", {**values, "alert_thresholds": "90, 70"})
    assert refused.status_code == 400 and "Must be ascending" in text(refused)
    with tenant(enterprise.pk):
        assert policy().alert_thresholds == (70, 90)


def test_a_new_webhook_shows_its_secret_once(browser, root, enterprise):
    answer = browser.post(f"{root}/alerts/webhooks/new/", {"name": "ERP", "url": "https://hooks.example.com/"})
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", answer.content.decode())
    with tenant(enterprise.pk):
        made = Webhook.objects.get()
    page = browser.get(f"{root}/alerts/webhooks/{made.pk}/")
    assert secret not in page.content.decode() and "Nothing was sent yet" in text(page)
    assert "ERP" in text(browser.get(f"{root}/alerts/"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1/", "in a private network"),
        ("ftp://example.com/", "must begin with https://"),
        ("https://u:p@example.com/", "do not belong into the address"),
    ],
)
def test_an_address_that_is_refused_comes_back_with_what_was_typed(browser, root, enterprise, url, says):
    answer = browser.post(f"{root}/alerts/webhooks/new/", {"name": "ERP", "url": url})
    assert answer.status_code == 400 and says in text(answer) and url in answer.content.decode()
    with tenant(enterprise.pk):
        assert not Webhook.objects.exists()


def test_test_button_log_and_redelivery(browser, root, enterprise, webhook):
    page = f"{root}/alerts/webhooks/{webhook.pk}/"
    sent = browser.post(f"{page}test/")
    with tenant(enterprise.pk):
        delivery = Delivery.objects.get()
    assert sent.status_code == 302 and sent["Location"] == f"{page}deliveries/{delivery.pk}/"
    waiting = browser.get(sent["Location"], headers=HTMX)
    assert waiting.status_code == 200 and "hx-get" in waiting.content.decode()
    line = {"at": "2026-06-15T04:00:00+00:00", "status": 500, "error": "refused", "milliseconds": 12, "answer": "<i>x"}
    with tenant(enterprise.pk):
        Delivery.objects.update(state="failed", attempts=[line])
    ended = browser.get(sent["Location"], headers=HTMX)
    assert ended.status_code == 286 and "hx-get" not in ended.content.decode()
    shown = browser.get(sent["Location"])
    assert "The receiver answered with an error" in text(shown) and "2026-06-15 12:00" in text(shown)
    assert "&lt;i&gt;x" in shown.content.decode() and "<i>x" not in shown.content.decode()
    assert "webhook.test" in text(browser.get(f"{page}?state=failed"))
    assert "Nothing matches" in text(browser.get(f"{page}?state=delivered"))
    assert browser.post(f"{sent['Location']}again/").status_code == 302
    with tenant(enterprise.pk):
        assert Delivery.objects.get().state == "waiting"


def test_change_switch_rotate_delete(browser, root, enterprise, webhook):
    page = f"{root}/alerts/webhooks/{webhook.pk}/"
    fields = {"name": "CRM", "url": "https://hooks.example.com/b", "events": ["quota.over"]}
    assert browser.post(page, fields).status_code == 302
    assert browser.post(f"{page}switch/", {"enabled": "0"}).status_code == 302
    with tenant(enterprise.pk):
        row = Webhook.objects.get()
        assert (row.name, row.url, row.events, row.enabled) == ("CRM", fields["url"], ["quota.over"], False)
    rotated = browser.post(f"{page}rotate/")
    assert "whsec_" in rotated.content.decode() and rotated["Cache-Control"] == "no-store"
    assert browser.get(f"{page}rotate/").status_code == 405
    assert browser.post(f"{page}rotate/").status_code == 302  # refused while the first one goes on: a message
    with tenant(enterprise.pk):
        assert Webhook.objects.get().secret_number == 2
    assert browser.post(f"{page}delete/").status_code == 302
    with tenant(enterprise.pk):
        assert not Webhook.objects.exists()


def test_q13_one_chooses_how_to_be_told(browser, root, enterprise):
    page = f"{root}/notifications/preferences/"
    shown = browser.get(page)
    boxes = re.findall(r'value="([a-z_.]+:(?:bell|mail))"[^>]*?(checked)?>', shown.content.decode())
    ticked = [name for name, checked in boxes if checked]
    assert "quota.threshold:mail" in ticked and "job.done:mail" not in ticked and "job.done:bell" in ticked
    browser.post(page, {"ways": [name for name in ticked if name != "job.done:bell"] + ["job.failed:mail"]})
    with tenant(enterprise.pk):
        chosen = {row.kind: (row.bell, row.mail) for row in NotificationPreference.objects.all()}
    assert chosen == {"job.done": (False, False), "job.failed": (True, True)}


def test_the_bell_drops_down_the_newest_and_counts_what_it_shows(browser, root, enterprise):
    with tenant(enterprise.pk):
        member = factories.super_admin(enterprise).member
        for number in range(10):
            notifications.notify(
                [member], kind="webhook.gone", key=str(number), data={"name": f"N{number}", "webhook": "w"}
            )
        Notification.objects.filter(key="9").update(bell=False)
    latest = text(browser.get(f"{root}/notifications/latest/", headers=HTMX))
    assert [f"N{number}" for number in range(10) if f"“N{number}”" in latest] == [
        f"N{number}" for number in range(1, 9)
    ]
    whole = browser.get(f"{root}/notifications/")
    assert "Unread notifications: 9" in text(whole) and "N9" not in text(whole)
    assert f'hx-get="{root}/notifications/latest/"' in whole.content.decode()


def test_running_jobs_are_counted_anew_until_none_runs(browser, root, enterprise):
    with tenant(enterprise.pk):
        member = factories.super_admin(enterprise).member
        run = JobRun.objects.create(name="contacts.archive", member=member)
    assert f'hx-get="{root}/work/"' in browser.get(f"{root}/jobs/").content.decode()
    going = browser.get(f"{root}/work/", headers=HTMX)
    assert going.status_code == 200 and "Running jobs: 1" in text(going) and 'id="work-bell"' in going.content.decode()
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=run.pk).update(state="done")
    ended = browser.get(f"{root}/work/", headers=HTMX)
    assert ended.status_code == 286 and "hx-trigger" not in ended.content.decode()


def test_pages_cost_the_same_with_one_and_three_rows(browser, root, enterprise, webhook, django_assert_max_num_queries):
    def fill(count: int) -> None:
        with tenant(enterprise.pk):
            for _number in range(count):
                number = Delivery.objects.count()
                outbox.emit("job.done", key=str(number), data={})
                services.create_webhook(
                    factories.super_admin(enterprise), name=f"n{number}", url="https://hooks.example.com/"
                )

    pages = [f"{root}/alerts/", f"{root}/alerts/webhooks/{webhook.pk}/", f"{root}/notifications/preferences/"]
    fill(1)
    for page in pages:
        with django_assert_max_num_queries(15) as first:
            browser.get(page)
        fill(2)
        with django_assert_max_num_queries(len(first)):
            browser.get(page)


def test_staff_have_preferences_and_no_webhooks(client, enterprise, root, webhook):
    with tenant(enterprise.pk):
        person = factories.member().user
    client.force_login(person)
    assert client.get(f"{root}/alerts/").status_code == 403
    assert client.get(f"{root}/alerts/webhooks/{webhook.pk}/").status_code == 403
    page = client.get(f"{root}/notifications/preferences/")
    assert page.status_code == 200 and "quota.threshold" not in page.content.decode()
