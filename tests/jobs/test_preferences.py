"""How a member is told: bell, mail, both or not at all; the same key tells nobody twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.tenancy import tenant
from enterprises.models import AuditEntry
from jobs import notifications, services
from jobs.models import Delivery, Notification, NotificationPreference
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/api/v1/notifications/preferences"


def choose(client, **wanted):
    wanted = {kind.replace("_", ".", 1): ways for kind, ways in wanted.items()}
    return client.patch(URL, wanted, content_type="application/json")


def tell(enterprise, kind="job.failed", key="k", members=None):
    with tenant(enterprise.pk):
        people = members or [factories.super_admin(enterprise).member]
        notifications.notify(people, kind=kind, key=key, data={"job": "x", "run": "y"})


def sent(enterprise):
    with tenant(enterprise.pk):
        return Notification.objects.filter(bell=True).count(), Delivery.objects.filter(channel="mail").count()


def test_q13_the_kind_says_what_happens_to_who_has_not_chosen(enterprise):
    tell(enterprise)
    assert sent(enterprise) == (1, 0)
    with tenant(enterprise.pk):
        member = factories.super_admin(enterprise).member
        notifications.notify([member], kind="quota.differs", key="other")
    assert sent(enterprise) == (2, 1)


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ({"bell": True, "mail": True}, (1, 1)),
        ({"bell": False, "mail": True}, (0, 1)),
        ({"bell": False}, (0, 0)),
        ({"mail": True}, (1, 1)),
    ],
)
def test_q13_each_member_chooses_bell_mail_or_not(enterprise, api, ways, expected):
    assert choose(api, job_failed=ways).status_code == 200
    tell(enterprise)
    tell(enterprise)  # the same key: nobody is told a second time, on no way
    assert sent(enterprise) == expected
    listed = api.get("/api/v1/notifications").json()["results"]
    assert len(listed) == expected[0]


def test_q13_one_member_s_choice_is_not_another_s(enterprise, api):
    choose(api, job_failed={"bell": False, "mail": True})
    with tenant(enterprise.pk):
        admin, other = factories.super_admin(enterprise).member, factories.member()
    tell(enterprise, members=[admin, other])
    with tenant(enterprise.pk):
        assert [row.member_id for row in Notification.objects.filter(bell=True)] == [other.pk]
        assert [row.notification.member_id for row in Delivery.objects.all()] == [admin.pk]


def test_preferences_are_listed_in_the_caller_s_language(api):
    rows = {row["kind"]: row for row in api.get(URL).json()["results"]}
    assert rows["quota.threshold"] == {
        "kind": "quota.threshold",
        "label": "A threshold of the scale is reached",
        "bell": True,
        "mail": True,
        "default": {"bell": True, "mail": True},
    }
    chinese = api.get(URL, headers={"Accept-Language": "zh-hans"}).json()["results"]
    labels = {row["kind"]: row["label"] for row in chinese}
    assert labels["job.failed"] == "任务失败"


def test_kinds_of_super_admins_do_not_exist_for_others(enterprise):
    with tenant(enterprise.pk):
        member = factories.member()
    client = factories.api_client(enterprise, member)
    assert {row["kind"] for row in client.get(URL).json()["results"]}.isdisjoint({"quota.threshold", "webhook.gone"})
    refused = choose(client, quota_threshold={"mail": False})
    assert refused.status_code == 400 and "quota.threshold" in refused.json()["errors"]


def test_what_equals_the_default_is_not_kept(enterprise, api):
    choose(api, job_failed={"mail": True})
    with tenant(enterprise.pk):
        assert NotificationPreference.objects.count() == 1
    assert choose(api, job_failed={"mail": False}).status_code == 200
    with tenant(enterprise.pk):
        assert NotificationPreference.objects.count() == 0
        entries = AuditEntry.objects.filter(action="preferences.changed").order_by("id")
        assert [entry.after["job.failed"]["mail"] for entry in entries] == [True, False]


@pytest.mark.parametrize(
    "body",
    [
        {"no.such": {"mail": True}},
        {"job.failed": {"pigeon": True}},
        {"job.failed": {"mail": "perhaps"}},
        {"job.failed": True},
        {"job.failed": {"mail": True}, "no.such": {"mail": True}},
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(enterprise, api, body):
    assert api.patch(URL, body, content_type="application/json").status_code == 400
    with tenant(enterprise.pk):
        assert NotificationPreference.objects.count() == 0
        assert not AuditEntry.objects.filter(action="preferences.changed").exists()


def test_every_kind_has_a_name_without_gaps_of_python():
    for name, kind in notifications.KINDS.items():
        assert kind.name and "%(" not in kind.name, name


def test_telling_many_costs_what_telling_one_costs(enterprise, django_assert_num_queries):
    with tenant(enterprise.pk):
        people = [factories.member() for _number in range(5)]
        for some in (people[:1], people):
            # who chose, notifications, mails of them; and who listens
            with django_assert_num_queries(3):
                notifications.notify(some, kind="webhook.gone", key=str(len(some)), data={})
        assert Delivery.objects.count() == 6


def test_a_list_of_webhooks_costs_the_same_with_one_and_three(enterprise, api, django_assert_num_queries):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        services.create_webhook(admin, name="1", url="https://example.com/")
    api.get("/api/v1/webhooks")
    with CaptureQueriesContext(connection) as one:
        assert len(api.get("/api/v1/webhooks").json()["results"]) == 1
    with tenant(enterprise.pk):
        for name in ("2", "3"):
            services.create_webhook(admin, name=name, url="https://example.com/")
    with django_assert_num_queries(len(one)):
        assert len(api.get("/api/v1/webhooks").json()["results"]) == 3
