"""The platform's back office: who gets in, what it shows, and that no way leads into an enterprise."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from common.tenancy import TenantModel, tenant
from enterprises.admin import EnterpriseAdmin
from enterprises.models import AuditEntry, Enterprise, User
from enterprises.platform import BackOfficeAdmin, site
from quota.models import Account
from tests import factories

pytestmark = pytest.mark.django_db

# What may stand in the back office. Everything else would be a way into an enterprise.
SHOWN = {"enterprises.enterprise", "enterprises.user", "admin.logentry", "quota.tierprice"}


def code(secret: str) -> str:
    """What the person's authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def person() -> User:
    return factories.user("ops@example.com", is_staff=True)


@pytest.fixture
def operator(person, client) -> Client:
    """Logged in through the real pages, with password and code."""
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    client.post("/account/login/", {"login": person.email, "password": factories.PASSWORD})
    answer = client.post("/account/2fa/authenticate/?next=/platform/", {"code": code(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return client


def act(client: Client, model: str, action: str, *objects) -> None:
    answer = client.post(
        f"/platform/enterprises/{model}/",
        {"action": action, "_selected_action": [str(one.pk) for one in objects]},
        follow=True,
    )
    assert answer.status_code == 200 and "alert-danger" not in answer.content.decode()


# --- Who gets in --------------------------------------------------------------------------------------------


def test_operators_are_shown_the_way_and_members_are_not(client, enterprise):
    with tenant(enterprise.pk):
        boss = factories.super_admin(enterprise).member.user
    client.force_login(boss)
    assert b"/platform/" not in client.get("/enterprises/").content
    client.force_login(factories.user(is_staff=True))
    assert client.get("/enterprises/").content.count(b'href="/platform/"') >= 1


def test_strangers_log_in_and_members_find_nothing(client, enterprise):
    for path in ("/platform/", "/platform/enterprises/enterprise/", "/platform/login/"):
        answer = client.get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/account/login/"), path
    with tenant(enterprise.pk):
        boss = factories.super_admin(enterprise).member.user
    client.force_login(boss)
    assert client.get("/platform/", follow=True).status_code == 404
    superuser = factories.user(is_superuser=True)
    client.force_login(superuser)
    assert client.get("/platform/", follow=True).status_code == 404


def test_staff_without_a_second_factor_are_sent_to_set_one_up(client, person):
    client.post("/account/login/", {"login": person.email, "password": factories.PASSWORD})
    chain = [url for url, _status in client.get("/platform/", follow=True).redirect_chain]
    assert any(url.startswith("/account/2fa/totp/activate/") for url in chain)
    assert client.get("/platform/enterprises/user/").status_code == 302


def test_an_older_session_without_the_code_opens_nothing(client, person):
    client.force_login(person)
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    answer = client.get("/platform/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/2fa/reauthenticate/")
    client.post("/account/2fa/reauthenticate/?next=/platform/", {"code": code(secret)})
    assert client.get("/platform/").status_code == 200


def test_the_password_alone_is_not_enough(client, person):
    TOTP.activate(person, generate_totp_secret())
    client.post("/account/login/", {"login": person.email, "password": factories.PASSWORD})
    assert client.get("/platform/enterprises/user/").status_code == 302


def test_losing_the_staff_mark_closes_it_at_once(operator, person):
    assert operator.get("/platform/").status_code == 200
    User.objects.filter(pk=person.pk).update(is_staff=False)
    assert operator.get("/platform/", follow=True).status_code == 404


# --- What is there ------------------------------------------------------------------------------------------


def test_x2_only_global_tables_are_registered():
    registered = {model._meta.label_lower: model for model in site._registry}
    assert set(registered) <= SHOWN
    assert not any(issubclass(model, TenantModel) for model in registered.values())
    assert all(isinstance(one, BackOfficeAdmin) for one in site._registry.values())


def routes(patterns, prefix=""):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern), pattern.name


def test_x2_no_route_reaches_anything_else():
    """Walks the addresses: no shortcut, no autocomplete, nothing of a model that is not on the list."""
    [platform] = [one for one in get_resolver().url_patterns if str(one.pattern) == "platform/"]
    found = list(routes(platform.url_patterns))
    own = {name for path, name in found if "/" not in path.strip("/") and "<" not in path and "(" not in path}
    assert own == {"index", "login", "logout", "password_change", "jsi18n"}
    tables = {
        path.split("/")[0] + "." + path.split("/")[1]
        for path, name in found
        if name
        and "_" in name
        and "/" in path.strip("/")
        and "(" not in path.split("/")[0]
        and not path.startswith(("password", "jsi18n"))
    }
    assert tables <= SHOWN
    assert not {name for _path, name in found} & {"autocomplete", "view_on_site"}


def test_default_admin_is_not_served():
    """allauth, guardian and Django register there; it has no address."""
    from django.contrib import admin

    assert site is not admin.site
    served = [one for one in get_resolver().url_patterns if getattr(one, "app_name", None) == "admin"]
    assert ["platform" in str(one.pattern) for one in served] == [True]


def pages(enterprise, person):
    return [
        "/platform/",
        "/platform/enterprises/",
        "/platform/enterprises/enterprise/",
        "/platform/enterprises/enterprise/?q=测试",
        f"/platform/enterprises/enterprise/{enterprise.pk}/change/",
        f"/platform/enterprises/enterprise/{enterprise.pk}/history/",
        "/platform/enterprises/user/?q=ops",
        f"/platform/enterprises/user/{person.pk}/change/",
        "/platform/admin/logentry/",
    ]


def test_pages_open_and_keep_the_content_policy(operator, person, enterprise):
    for path in pages(enterprise, person):
        answer = operator.get(path)
        assert answer.status_code == 200, path
        assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        html = answer.content.decode()
        scripts = re.findall(r"<script\b([^>]*)>", html)
        assert all("src=" in one or "application/json" in one for one in scripts), path
        assert not re.search(r"\son[a-z]+=\"", html), path
        assert not re.search(r"<[^>]+\sstyle=\"", html), path
        assert "<style" not in html, path
        assert person.password not in html and "md5$" not in html


def test_nothing_is_added_changed_or_deleted(operator, person, enterprise):
    for table, one in (("enterprise", enterprise), ("user", person)):
        base = f"/platform/enterprises/{table}/"
        assert operator.get(f"{base}add/").status_code == 403
        assert operator.post(f"{base}{one.pk}/delete/", {"post": "yes"}).status_code == 403
        assert operator.post(f"{base}{one.pk}/change/", {"name": "x", "is_superuser": "on"}).status_code == 403
    assert Enterprise.objects.get(pk=enterprise.pk).name == enterprise.name
    assert operator.get(f"/platform/enterprises/user/{person.pk}/password/").status_code in (302, 404)


# --- What is done -------------------------------------------------------------------------------------------


def test_verifying_reaches_the_scale_and_both_logs(operator, person):
    """Q3: 100 places become 2 000."""
    enterprise = factories.enterprise(verified=False)
    act(operator, "enterprise", "verify", enterprise)
    with tenant(enterprise.pk):
        assert Account.objects.get().capacity == 2000
        entry = AuditEntry.objects.get(action="enterprise.verified")
        assert (entry.actor_kind, entry.actor_label, entry.via) == ("operator", "ops@example.com", "platform")
        assert (entry.before, entry.after, entry.ip) == ({"verified": False}, {"verified": True}, "127.0.0.1")
    log = LogEntry.objects.get()
    assert (log.user_id, log.object_id) == (person.pk, str(enterprise.pk))
    act(operator, "enterprise", "unverify", enterprise)
    with tenant(enterprise.pk):
        assert Account.objects.get().capacity == 100
    assert Enterprise.objects.get(pk=enterprise.pk).verified_at is None


def test_suspending_closes_several_enterprises_at_once(operator, enterprise, other_enterprise):
    api = factories.api_client(enterprise)
    act(operator, "enterprise", "suspend", enterprise, other_enterprise)
    assert api.get("/api/v1/me").status_code == 403
    act(operator, "enterprise", "resume", enterprise, other_enterprise)
    assert api.get("/api/v1/me").status_code == 200
    for one in (enterprise, other_enterprise):
        with tenant(one.pk):
            actions = AuditEntry.objects.filter(actor_kind="operator").order_by("at").values_list("action", flat=True)
            assert list(actions) == ["enterprise.suspended", "enterprise.resumed"]


def test_closing_an_account_ends_sessions_and_tokens(operator, enterprise, client):
    user = factories.user()
    with tenant(enterprise.pk):
        member = factories.member(user=user)
    api = factories.api_client(enterprise, member)
    browser = Client()
    browser.force_login(user)
    act(operator, "user", "close", user)
    assert api.get("/api/v1/me").status_code == 401
    assert browser.get(f"/e/{enterprise.code}/").status_code == 302
    act(operator, "user", "reopen", user)
    assert api.get("/api/v1/me").status_code == 200
    assert browser.get(f"/e/{enterprise.code}/").status_code == 302
    with tenant(enterprise.pk):
        trail = AuditEntry.objects.filter(subject_id=member.pk).order_by("at").values_list("action", flat=True)
        assert list(trail) == ["member.account_closed", "member.account_opened"]


def test_nobody_closes_their_own_account(operator, person):
    operator.post("/platform/enterprises/user/", {"action": "close", "_selected_action": [str(person.pk)]})
    assert User.objects.get(pk=person.pk).is_active


def test_a_lost_second_factor_is_removed(operator, enterprise):
    user = factories.user()
    with tenant(enterprise.pk):
        factories.member(user=user)
    TOTP.activate(user, generate_totp_secret())
    act(operator, "user", "reset_factors", user)
    assert not Authenticator.objects.filter(user=user).exists()
    with tenant(enterprise.pk):
        assert AuditEntry.objects.filter(action="member.factors_reset").count() == 1


def test_actions_are_the_only_ones(operator):
    assert EnterpriseAdmin.actions == ("verify", "unverify", "suspend", "resume")
    html = operator.get("/platform/enterprises/enterprise/").content.decode()
    assert "delete_selected" not in html


# --- The command --------------------------------------------------------------------------------------------


def test_create_operator_tells_what_to_do_next(capsys):
    call_command("create_operator", email="New@example.com", password="eleven green bottles")
    user = User.objects.get(email="new@example.com")
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert "/platform/" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("create_operator", email="new@example.com", password="another one")
    with pytest.raises(CommandError):
        call_command("create_operator", email="weak@example.com", password="1234567890")
    assert not User.objects.filter(email="weak@example.com").exists()
