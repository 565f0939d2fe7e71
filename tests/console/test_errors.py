"""Error pages, refusals, and what every page's head promises."""

import json

import pytest
from django.test import Client, RequestFactory

from common.errors import Conflict, Invalid
from common.tenancy import tenant
from console import errors
from console.base import Page, toast
from console.forms import attach
from enterprises.models import Department
from tests.console.test_frame import home, person

pytestmark = pytest.mark.django_db


def test_every_page_has_the_content_security_policy(client, enterprise):
    inside, _member = person(enterprise)
    for who, address in (
        (client, "/account/login/"),
        (client, "/account/password/reset/"),
        (client, "/nosuch/"),
        (inside, home(enterprise)),
        (inside, "/account/"),
        (inside, "/account/2fa/"),
        (inside, "/e/nosuch/"),
    ):
        policy = who.get(address).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, address


def test_404_405_and_csrf_are_pages_in_the_same_look(client, enterprise):
    assert "error-page" in client.get("/no/such/page/").content.decode()
    answer = client.get("/theme/")
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST"
    assert "error-page" in answer.content.decode()
    inside, _member = person(enterprise)
    answer = inside.delete(home(enterprise))
    assert answer.status_code == 405 and "error-page" in answer.content.decode()
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/theme/", {"theme": "dark"})
    assert answer.status_code == 403 and "error-page" in answer.content.decode()


def test_500_tells_the_requests_id_and_nothing_else(client, enterprise, monkeypatch):
    inside, _member = person(enterprise)
    inside.raise_request_exception = False

    def broken(self, request):
        raise RuntimeError("secret detail")

    from console.home import Home

    monkeypatch.setattr(Home, "get", broken)
    answer = inside.get(home(enterprise))
    text = answer.content.decode()
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in text and "secret" not in text


@pytest.mark.parametrize(
    ("handler", "status"), [(errors.bad_request, 400), (errors.forbidden, 403), (errors.too_many, 429)]
)
def test_other_errors(rf, handler, status):
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/anything/")
    request.user = AnonymousUser()
    answer = handler(request)
    assert answer.status_code == status and f"{status}" in answer.content.decode()
    problem = handler(rf.get("/api/v1/anything"))
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert json.loads(problem.content)["status"] == status


def test_log_in_is_throttled_with_a_page(client):
    for _number in range(12):
        answer = client.post("/account/login/", {"login": "nobody@example.com", "password": "wrong"})
    if answer.status_code == 429:
        assert "error-page" in answer.content.decode()
    else:
        assert answer.status_code in (200, 400)


class Refusing(Page):
    """Does something, then refuses."""

    def get(self, request):
        raise Conflict("现在不行")

    def post(self, request):
        Department.objects.create(name="半途")
        raise Conflict("现在不行")


def call(enterprise, client, method, **headers):
    from django.contrib.messages.storage.cookie import CookieStorage
    from django_htmx.middleware import HtmxDetails

    from enterprises.models import User

    request = getattr(RequestFactory(), method)("/x/", headers=headers)
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    request.htmx = HtmxDetails(request)
    request._messages = CookieStorage(request)
    return Refusing.as_view()(request, code=enterprise.code), request


def test_refusals_leave_nothing_and_say_why(enterprise):
    client, _member = person(enterprise)
    page, _request = call(enterprise, client, "get")
    assert page.status_code == 409 and "现在不行" in page.content.decode()
    back, request = call(enterprise, client, "post", Referer="http://testserver/e/x/list/?page=2")
    assert back.status_code == 302 and back.headers["Location"] == "/e/x/list/?page=2"
    assert [str(message) for message in request._messages] == ["现在不行"]
    fragment, _request = call(enterprise, client, "post", **{"HX-Request": "true"})
    assert fragment.status_code == 409 and fragment.headers["HX-Reswap"] == "none"
    assert json.loads(fragment.headers["HX-Trigger"])["toast"]["items"] == [{"text": "现在不行", "level": "danger"}]
    with tenant(enterprise.pk):
        assert not Department.objects.exists()


def test_toasts_add_up():
    from django.http import HttpResponse

    answer = toast(toast(HttpResponse(), "一"), "二", "error")
    items = json.loads(answer.headers["HX-Trigger"])["toast"]["items"]
    assert [(item["text"], item["level"]) for item in items] == [("一", "success"), ("二", "danger")]


def test_a_refusal_comes_back_into_its_form():
    from django import forms

    class Form(forms.Form):
        name = forms.CharField()
        note = forms.CharField(required=False)

    form = attach(Form({"name": "陈", "note": "x"}), Invalid({"name": ["太短"], "elsewhere": ["也不对"]}))
    assert form.errors == {"name": ["太短"], "__all__": ["也不对"]}
    text = str(form)
    assert 'value="陈"' in text and "太短" in text and "也不对" in text
    assert text.count("autofocus") == 1 and "is-invalid" in text
    assert attach(Form({"name": "陈"}), Conflict("满了")).non_field_errors() == ["满了"]
