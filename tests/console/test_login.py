"""Log-in, passwords and the second factor, through allauth's pages in our look."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail

from enterprises.models import User
from tests import factories

pytestmark = pytest.mark.django_db


def code_of(secret: str) -> str:
    """What the authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def log_in(client, user, password=factories.PASSWORD):
    return client.post("/account/login/", {"login": user.email, "password": password})


def test_log_in_and_out(client):
    user = factories.user()
    page = client.get("/account/login/").content.decode()
    assert 'name="login"' in page and "form-control" in page
    wrong = log_in(client, user, "wrong")
    assert wrong.status_code == 200 and f'value="{user.email}"' in wrong.content.decode()
    assert "alert-danger" in wrong.content.decode()
    assert log_in(client, user).headers["Location"] == "/"
    assert client.get("/account/").status_code == 200
    assert client.get("/account/logout/").status_code == 200, "a GET only asks"
    assert client.get("/account/").status_code == 200
    assert client.post("/account/logout/").status_code == 302
    assert client.get("/account/").status_code == 302


def test_log_in_leads_back_to_where_one_was_going(client, enterprise):
    user = factories.user()
    address = f"/e/{enterprise.code}/?x=1"
    page = client.get(client.get(address).headers["Location"]).content.decode()
    assert f'value="{address}"' in page.replace("&amp;", "&")
    answer = client.post("/account/login/", {"login": user.email, "password": factories.PASSWORD, "next": address})
    assert answer.headers["Location"] == address
    client.logout()
    evil = {"login": user.email, "password": factories.PASSWORD, "next": "https://evil.example/"}
    assert client.post("/account/login/", evil).headers["Location"] == "/"


def test_sign_up_of_allauth_is_closed(client):
    answer = client.post("/account/signup/", {"email": "x@example.com", "password1": factories.PASSWORD})
    assert not User.objects.filter(email="x@example.com").exists()
    assert answer.status_code == 404


def test_nobody_takes_another_address_by_themselves(client):
    """An address is proved by sign-up or invitation; allauth's own page for it is closed."""
    client.force_login(factories.user())
    assert client.get("/account/email/").status_code == 404
    answer = client.post("/account/email/", {"email": "boss@example.com", "action_add": ""})
    assert answer.status_code == 404 and not EmailAddress.objects.exists()


def test_password_reset_by_mail_tells_nobody_who_exists(client):
    user = factories.user()
    for email in (user.email, "nobody@example.com"):
        answer = client.post("/account/password/reset/", {"email": email})
        assert answer.headers["Location"] == "/account/password/reset/done/"
    assert client.get("/account/password/reset/done/").status_code == 200
    link = re.search(r"https?://[^/]+(/account/password/reset/key/\S+)", mail.outbox[0].body)
    assert link, mail.outbox[0].body
    page = client.get(link[1], follow=True)
    form = page.redirect_chain[-1][0]
    new = "another good phrase"
    assert client.post(form, {"password1": new, "password2": new}).status_code == 302
    assert log_in(client, user, new).headers["Location"] == "/"
    assert "error" not in client.get(link[1], follow=True).headers
    client.logout()
    assert log_in(client, user).status_code == 200, "the old password is gone"


def test_change_of_the_password(client):
    user = factories.user()
    log_in(client, user)
    assert client.get("/account/password/change/").status_code == 200
    new = "another good phrase"
    wrong = {"oldpassword": "no", "password1": new, "password2": new}
    assert "is-invalid" in client.post("/account/password/change/", wrong).content.decode()
    right = {**wrong, "oldpassword": factories.PASSWORD}
    assert client.post("/account/password/change/", right).status_code == 302
    client.logout()
    assert log_in(client, user, new).headers["Location"] == "/"


def test_second_factor_from_set_up_to_log_in_and_recovery(client):
    user = factories.user()
    log_in(client, user)
    asked = client.get("/account/2fa/totp/activate/").headers["Location"]
    assert asked.startswith("/account/reauthenticate/"), "setting it up asks for the password again"
    assert "form-control" in client.get(asked).content.decode()
    assert "is-invalid" in client.post(asked, {"password": "wrong"}).content.decode()
    assert client.post(asked, {"password": factories.PASSWORD}).headers["Location"] == "/account/2fa/totp/activate/"
    page = client.get("/account/2fa/totp/activate/")
    assert page.status_code == 200
    text = page.content.decode()
    assert 'src="data:image/svg+xml' in text, "the QR code stands in the page"
    secret = page.context["form"].secret
    assert "is-invalid" in client.post("/account/2fa/totp/activate/", {"code": "000000"}).content.decode()
    assert client.post("/account/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    codes = client.get("/account/2fa/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10

    client.logout()
    asked = log_in(client, user)
    assert asked.headers["Location"] == "/account/2fa/authenticate/"
    assert client.get("/account/").status_code == 302, "the password alone opens nothing"
    assert "form-control" in client.get("/account/2fa/authenticate/").content.decode()
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.post("/account/2fa/authenticate/", {"code": codes[0]}).headers["Location"] == "/"

    client.logout()
    log_in(client, user)
    assert client.post("/account/2fa/authenticate/", {"code": codes[0]}).status_code == 200, "each code once"
    assert client.post("/account/2fa/authenticate/", {"code": codes[1]}).status_code == 302
    assert client.get("/account/").context["mfa"] is True
