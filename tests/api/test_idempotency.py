"""Idempotency-Key: sent again, done once; bound to who asks and what for; races with real threads (DESIGN.md 7)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from common import clock
from common.tenancy import tenant
from contacts.models import Contact
from enterprises import idempotency
from enterprises.models import IdempotencyRecord, Member, Role
from tests import factories

JSON = {"content_type": "application/json"}


def body(number=1, **more):
    return {"external_userid": f"wm{number}", "name": "王小明", **more}


def post(api, key, data, path="/api/v1/contacts"):
    return api.post(path, data, **JSON, headers={"Idempotency-Key": key})


def powerless():
    """A role that may nothing."""
    return Role.objects.create(name="无权", scope=Role.Scope.RELATED, permissions=[])


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_the_same_answer_and_no_second_work(self, api, enterprise):
        one, two = post(api, "k", body()), post(api, "k", body())
        assert (one.status_code, two.status_code) == (201, 201)
        assert one.content == two.content
        assert (one.get("ETag"), one["Content-Type"]) == (two.get("ETag"), two["Content-Type"])
        assert "Idempotent-Replayed" not in one and two["Idempotent-Replayed"] == "true"
        with tenant(enterprise.pk):
            assert Contact.objects.count() == 1

    @pytest.mark.parametrize("other", [{"name": "李"}, {"remark": "x"}])
    def test_another_body_is_refused(self, api, other):
        post(api, "k", body())
        answer = post(api, "k", body(**other))
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")

    def test_another_path_is_refused(self, api):
        post(api, "k", {"name": "来源"}, "/api/v1/tag-groups")
        assert post(api, "k", {"name": "来源"}, "/api/v1/tags").json()["code"] == "idempotency_mismatch"

    def test_keys_of_two_members_and_two_enterprises_are_two(self, api, enterprise, other_enterprise):
        with tenant(enterprise.pk):
            colleague = factories.member(role="super_admin")
        post(api, "k", body(1))
        assert post(factories.api_client(enterprise, colleague), "k", body(2)).status_code == 201
        assert post(factories.api_client(other_enterprise), "k", body(3)).status_code == 201

    def test_a_refusal_is_not_remembered(self, api, enterprise):
        assert post(api, "k", body(name="")).status_code == 400
        assert post(api, "k", body()).status_code == 201

    def test_the_right_is_asked_before_an_answer_is_repeated(self, api, enterprise):
        """Who lost the permission gets no stored answer either."""
        with tenant(enterprise.pk):
            caller = factories.member(role="super_admin")
        api = factories.api_client(enterprise, caller)
        assert post(api, "k", body()).status_code == 201
        with tenant(enterprise.pk):
            Member.objects.filter(pk=caller.pk).update(role=powerless())
        assert post(api, "k", body()).status_code == 403

    @pytest.mark.parametrize("key", ["", "x" * 129, "ä", "a\tb"])
    def test_strange_keys_are_refused(self, api, key):
        assert post(api, key, body()).status_code == 400

    def test_after_a_day_the_key_is_free(self, api, enterprise):
        post(api, "k", body())
        with clock.at(clock.now() + idempotency.KEPT_FOR + timedelta(minutes=1)):
            assert post(api, "k", body(2)).status_code == 201
            with tenant(enterprise.pk):
                assert idempotency.forget_old() == 0
                assert IdempotencyRecord.objects.count() == 1

    def test_other_methods_do_not_care(self, api):
        pk = post(api, "k", body()).json()["id"]
        headers = {"Idempotency-Key": "k"}
        assert api.patch(f"/api/v1/contacts/{pk}", {"remark": "x"}, **JSON, headers=headers).status_code == 200
        assert api.get("/api/v1/contacts", headers=headers).status_code == 200


def test_twelve_at_once_do_the_work_once(committed_db):
    firm = factories.enterprise()
    answers = []
    barrier = threading.Barrier(12)
    clients = [factories.api_client(firm) for _ in range(12)]

    def call(api):
        try:
            barrier.wait()
            answers.append(post(api, "k", body()))
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(api,)) for api in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [one for one in answers if one.status_code == 201]
    fresh = [one for one in done if "Idempotent-Replayed" not in one]
    refused = [one for one in answers if one.status_code != 201]
    assert len(answers) == 12 and len(fresh) == 1
    assert {(one.status_code, one.json()["code"]) for one in refused} <= {(409, "idempotency_in_flight")}
    assert len({one.content for one in done}) == 1
    with tenant(firm.pk):
        assert Contact.objects.count() == IdempotencyRecord.objects.count() == 1


def test_without_the_lock_the_work_is_begun_twice(committed_db, monkeypatch):
    """The negative control: what keeps parallel calls from working side by side is the lock."""
    firm = factories.enterprise()
    clients = [factories.api_client(firm) for _ in range(2)]
    begun, together = [], threading.Barrier(2)
    real_row, real_replay = idempotency.row, idempotency.replay

    def no_lock(statement, params=None):
        return (True,) if "advisory" in statement else real_row(statement, params)

    def replay_then_wait(request):
        real_replay(request)
        begun.append(request)
        together.wait(30)

    monkeypatch.setattr(idempotency, "row", no_lock)
    monkeypatch.setattr(idempotency, "replay", replay_then_wait)

    def call(api):
        try:
            post(api, "k", body())
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(api,)) for api in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 2
