"""Every refusal of the API is a problem document (RFC 9457), in the caller's language, and tells no secrets."""

import json

import pytest
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.test import Client

from common.rest import PROBLEM_TYPE
from contacts.api import contacts as contacts_api
from enterprises.models import Enterprise
from tests import factories

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
BODY = {"external_userid": "wm1", "name": "王小明"}


def is_problem(answer, status, code):
    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == PROBLEM_TYPE
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:scrm:problem:{code}")
    assert body["title"] and body["detail"] and "{" not in body["title"]
    assert "Traceback" not in str(body) and "psycopg" not in str(body)
    return body


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"name": "\\ud800"}', b"[" * 3000, b'{"a": 1, "a"'],
    ids=lambda content: repr(content[:12]),
)
def test_400_what_is_not_a_json_object(api, content):
    is_problem(api.post("/api/v1/contacts", content, **JSON), 400, "invalid_json")


def test_400_fields_that_are_wrong_missing_or_unknown(api):
    body = is_problem(api.post("/api/v1/contacts", {"external_userid": "", "colour": "red"}, **JSON), 400, "invalid")
    assert body["errors"] == {"colour": ["This field does not exist."]}
    body = is_problem(api.post("/api/v1/contacts", {"external_userid": ""}, **JSON), 400, "invalid")
    assert set(body["errors"]) == {"external_userid", "name"}


def test_400_null_characters(api):
    body = is_problem(api.post("/api/v1/contacts", {**BODY, "name": "a\x00b"}, **JSON), 400, "invalid")
    assert set(body["errors"]) == {"name"}
    is_problem(api.get("/api/v1/contacts?search=%00"), 400, "invalid")
    contact = api.post("/api/v1/contacts", BODY, **JSON).json()["id"]
    for data in ({"x": "a\x00b"}, {"a\x00": 1}, {"x": [{"y": ["\x00"]}]}):
        heard = {"kind": "message_in", "data": data}
        body = is_problem(api.post(f"/api/v1/contacts/{contact}/interactions", heard, **JSON), 400, "invalid")
        assert set(body["errors"]) == {"data"}
    is_problem(api.get("/api/v1/jobs?name=%00"), 400, "invalid")


@pytest.mark.parametrize(
    "query",
    [
        "page_size=201",
        "page_size=0",
        "page_size=-1",
        "page_size=abc",
        "page_size=" + "9" * 5000,
        "ordering=password",
        "ordering=--name",
        "cursor=abc",
        "cursor=" + "W" * 3000,
        "cursor=WyItYWRkZWRfYXQiLDAsIjk5OTk5LTAxLTAxIiwieCJd",
        "count=perhaps",
        "colour=red",
        "page_size=1&page_size=2",
        "ordering=name&ordering=spend",
        "count=1&count=0",
        "search=a&search=b",
        "source=a&source=b",
    ],
    ids=lambda query: query[:24],
)
def test_400_lists(api, query):
    answer = api.get(f"/api/v1/contacts?{query}")
    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM_TYPE)
    assert set(body["errors"]) == {query.partition("=")[0]}


def test_200_rows_are_the_most(api):
    assert api.get("/api/v1/contacts?page_size=200").status_code == 200


def test_401_without_with_a_wrong_and_with_a_foreign_scheme(client, enterprise):
    for header in (
        {},
        {"Authorization": "Bearer scrm_x_y"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic x"},
    ):
        answer = client.get("/api/v1/contacts", headers={"Accept-Language": "en", **header})
        is_problem(answer, 401, "not_authenticated")
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    forged = f"Bearer scrm_{enterprise.code}_{'x' * 43}"
    is_problem(client.get("/api/v1/contacts", headers={"Authorization": forged}), 401, "not_authenticated")


def test_403_without_permission_also_for_head(enterprise):
    from common.tenancy import tenant

    with tenant(enterprise.pk):
        staff = factories.member()
    api = factories.api_client(enterprise, staff)
    body = is_problem(api.get("/api/v1/audit"), 403, "forbidden")
    assert body["permission"] == "audit.view"
    assert api.head("/api/v1/audit").status_code == 403


def test_403_session_without_csrf_token_and_suspended_enterprise(enterprise, api):
    from common.tenancy import tenant

    with tenant(enterprise.pk):
        person = factories.super_admin(enterprise).member.user
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    is_problem(browser.post("/api/v1/contacts", BODY, **JSON), 403, "forbidden")
    Enterprise.objects.update(status="suspended")
    is_problem(api.get("/api/v1/me"), 403, "enterprise_suspended")


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/contacts", "/api/v1/contacts/abc"])
def test_404_unknown_routes_are_problems_too(api, client, path):
    is_problem(api.get(path), 404, "not_found")
    is_problem(client.get(path), 404, "not_found")


def test_404_is_the_same_for_missing_and_foreign(api, other_enterprise):
    from common.tenancy import tenant

    with tenant(other_enterprise.pk):
        theirs = factories.contact(factories.super_admin(other_enterprise))
    foreign, missing = (api.get(f"/api/v1/contacts/{pk}") for pk in (theirs.pk, "01980000-0000-7000-8000-000000000000"))
    assert is_problem(foreign, 404, "not_found") == is_problem(missing, 404, "not_found")


def test_405_says_what_is_allowed(api):
    answer = api.delete("/api/v1/contacts")
    is_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_406_for_who_wants_html_but_files_come_anyway(api):
    is_problem(api.get("/api/v1/contacts", headers={"Accept": "text/html"}), 406, "not_acceptable")
    missing = "/api/v1/jobs/01980000-0000-7000-8000-000000000000/report"
    is_problem(api.get(missing, headers={"Accept": "text/csv"}), 404, "not_found")


def test_413_too_large_with_and_without_an_idempotency_key(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    large = json.dumps({**BODY, "remark": "x" * 1000})
    body = is_problem(api.post("/api/v1/contacts", large, **JSON), 413, "too_large")
    assert body["limit"] == 1000
    is_problem(api.post("/api/v1/contacts", large, **JSON, headers={"Idempotency-Key": "k"}), 413, "too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_415(api, content_type):
    is_problem(api.post("/api/v1/contacts", "a=b", content_type=content_type), 415, "unsupported_media_type")


def test_400_unknown_host(client):
    is_problem(client.get("/api/v1/me", headers={"Host": "evil.example"}), 400, "invalid")


def database_error(kind, state):
    error = kind("duplicate key value violates unique constraint contact_once DETAIL secret")
    error.__cause__ = type("Cause", (Exception,), {"sqlstate": state})()
    return error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (database_error(OperationalError, "40P01"), 409, "busy"),
        (database_error(OperationalError, "55P03"), 409, "busy"),
        (database_error(IntegrityError, "23505"), 409, "conflict"),
        (database_error(DataError, "22P05"), 400, "invalid"),
        (database_error(IntegrityError, "23503"), 500, "internal_error"),
        (DatabaseError("secret"), 500, "internal_error"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_errors_of_the_database_and_of_ours_tell_nothing(api, monkeypatch, error, status, code):
    def fails(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(contacts_api.ContactsView, "get", fails)
    answer = api.get("/api/v1/contacts")
    body = is_problem(answer, status, code)
    assert "secret" not in str(body)
    if code == "busy":
        assert answer["Retry-After"] == "1"
    if status == 500:
        assert body["request_id"] == answer["X-Request-Id"]


def test_500_outside_of_views_is_a_problem_too(api, monkeypatch, settings):
    from enterprises.rest import TenantAPIView

    def fails(*_args, **_kwargs):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(TenantAPIView, "dispatch", fails)
    api.raise_request_exception = False
    body = is_problem(api.get("/api/v1/contacts"), 500, "internal_error")
    assert "secret" not in str(body) and body["request_id"]


def test_language_is_the_callers_chinese_by_default(client, enterprise):
    texts = {
        language: client.get("/api/v1/nothing", headers={"Accept-Language": language} if language else {}).json()[
            "title"
        ]
        for language in ("", "zh-CN", "zh-Hans", "en", "en-GB", "fr")
    }
    assert texts["en"] == texts["en-GB"] == "Not found"
    assert texts[""] == texts["zh-CN"] == texts["zh-Hans"] == texts["fr"]


def test_no_cors(api):
    answer = api.options("/api/v1/contacts", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
