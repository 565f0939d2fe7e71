"""Sign-up of an enterprise: the address is proved first, and tells nobody whether it is known."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail

from common import clock
from common.errors import NotFound
from common.tenancy import tenant
from enterprises import tasks
from enterprises.access import memberships
from enterprises.models import Enterprise, Member, User
from enterprises.services import signup
from quota import queries
from tests import factories

pytestmark = pytest.mark.django_db
FORM = {"name": "新公司", "email": "Boss@Example.com"}
PASSWORD = "eleven green bottles"


@pytest.fixture
def sent(monkeypatch, django_capture_on_commit_callbacks, client):
    """Post the form; returns the answer and the mail's link (None when the address is known)."""
    monkeypatch.setattr(tasks.send_signup, "delay", tasks.send_signup)

    def post(**fields):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post("/signup/", {**FORM, **fields})
        urls = [line for message in mail.outbox for line in message.body.splitlines() if line.startswith("http")]
        return answer, urlsplit(urls[0]).path if urls else None

    return post


def test_from_the_form_to_the_first_page(sent, client):
    """Q3: it starts unverified, with 100 places."""
    answer, path = sent()
    assert answer.status_code == 200 and not User.objects.exists() and not Enterprise.objects.exists()
    assert mail.outbox[0].to == ["boss@example.com"]
    page = client.get(path).content.decode()
    assert "新公司" in page and "boss@example.com" in page
    done = client.post(path, {"person": "老板", "password": PASSWORD})
    enterprise = Enterprise.objects.get()
    assert done.headers["Location"] == f"/e/{enterprise.code}/"
    assert client.get(done.headers["Location"]).status_code == 200
    assert not enterprise.verified
    with tenant(enterprise.pk):
        assert queries.position(enterprise).capacity == 100
        member = Member.objects.select_related("role", "user").get()
        assert (member.role.builtin, member.user.email, member.name) == ("super_admin", "boss@example.com", "老板")


def test_known_and_unknown_addresses_get_the_same_answer(sent):
    factories.user("known@example.com")
    known, link = sent(email="known@example.com")
    unknown, _other = sent(email="unknown@example.com")
    assert link == "/signup/" and mail.outbox[0].to == ["unknown@example.com"]
    csrf = re.compile(r'(csrfmiddlewaretoken" value=|CSRFToken": )"\w+"')
    pages = [csrf.sub("", answer.content.decode()) for answer in (known, unknown)]
    assert pages[0].replace("known@example.com", "unknown@example.com") == pages[1]
    assert known.status_code == unknown.status_code


def test_the_link_works_once_and_for_a_day(sent, client):
    _answer, path = sent()
    token = path.split("/")[2]
    with clock.at(clock.now() + signup.VALID_FOR + timedelta(seconds=1)), pytest.raises(NotFound):
        signup.read(token)
    client.post(path, {"person": "老板", "password": PASSWORD})
    client.logout()
    assert client.get(path).status_code == 404
    assert client.post(path, {"person": "x", "password": PASSWORD}).status_code == 404
    assert Enterprise.objects.count() == 1
    assert client.get("/signup/forged/").status_code == 404


def test_a_weak_password_makes_nothing(sent, client):
    _answer, path = sent()
    assert client.post(path, {"person": "老板", "password": "boss@example"}).status_code == 400
    assert not User.objects.exists() and not Enterprise.objects.exists()


def test_somebody_with_an_account_founds_another_enterprise(client, enterprise):
    person = factories.user()
    client.force_login(person)
    answer = client.post("/signup/", {"name": "第二家"})
    assert answer.status_code == 302
    assert [one.name for one in memberships(person)] == ["第二家"]


def test_closed_sign_up_does_not_exist(settings, sent, client):
    _answer, path = sent()
    settings.SIGNUP_OPEN = False
    assert client.get("/signup/").status_code == 404
    assert client.post("/signup/", FORM).status_code == 404
    assert client.get(path).status_code == 404


def test_trying_too_often_is_refused(sent):
    for number in range(10):
        assert sent(email=f"a{number}@example.com")[0].status_code == 200
    assert sent(email="b@example.com")[0].status_code == 429


def test_one_mailbox_is_not_flooded(sent, client):
    for _try in range(3):
        assert sent()[0].status_code == 200
    assert sent(email="BOSS@example.com")[0].status_code == 429
