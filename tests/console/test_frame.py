"""The frame: who gets in, what the menu shows, what it costs, what is remembered."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from common.tenancy import tenant
from console import navigation
from enterprises.models import User
from enterprises.services import GRADED_ADMIN, STAFF, SUPER_ADMIN
from jobs.models import JobRun, Notification
from quota.models import Account
from tests import factories

pytestmark = pytest.mark.django_db


def person(enterprise, role=SUPER_ADMIN, **fields):
    """A logged-in client of a member with this role."""
    user = factories.user(**fields)
    with tenant(enterprise.pk):
        member = factories.member(user=user, role=role)
    client = Client()
    client.force_login(user)
    return client, member


def home(enterprise) -> str:
    return f"/e/{enterprise.code}/"


def statements(captured: CaptureQueriesContext) -> list[str]:
    """What went to the tables, without the transaction's own words."""
    words = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK", "SET LOCAL APP.ENTERPRISE_ID = ''")
    return [query["sql"] for query in captured if not query["sql"].upper().startswith(words)]


def test_o5_strangers_see_neither_pages_nor_whether_they_exist(client, enterprise, other_enterprise):
    assert client.get(home(enterprise)).headers["Location"].startswith("/account/login/?next=")
    inside, _member = person(enterprise)
    foreign, missing = inside.get(home(other_enterprise)), inside.get("/e/nosuch/")
    assert foreign.status_code == missing.status_code == 404
    assert other_enterprise.name not in foreign.content.decode()


def test_htmx_request_of_somebody_logged_out_leads_the_window_to_the_log_in(client, enterprise):
    answer = client.get(home(enterprise), headers={"HX-Request": "true"})
    assert answer.status_code == 286
    assert answer.headers["HX-Redirect"].startswith("/account/login/")


def test_after_the_log_in_people_are_where_they_were(client, enterprise):
    """Neither in the fragment that htmx asked for, nor at an address that only takes forms."""

    def place(method: str, path: str, **headers: str) -> str:
        answer = getattr(client, method)(home(enterprise) + path, headers=headers)
        return parse_qs(urlsplit(answer.headers.get("HX-Redirect") or answer.headers["Location"]).query)["next"][0]

    page = f"{home(enterprise)}contacts/?grade=low"
    shown = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
    assert place("get", "contacts/search/?search=w", **shown) == page
    assert place("post", "contacts/views/", referer=f"http://testserver{page}") == page
    assert place("post", "contacts/views/", referer="https://evil.example/") == home(enterprise)
    assert place("get", "contacts/search/", **{**shown, "HX-Current-URL": "https://evil.example/"}) == home(enterprise)
    assert place("get", "contacts/?grade=low") == page


def test_a_fragment_is_never_kept_in_place_of_its_page(enterprise):
    client, _member = person(enterprise)
    page = client.get(home(enterprise) + "contacts/")
    assert "HX-Request" in page["Vary"] and "no-store" not in page.get("Cache-Control", "")
    fragment = client.get(home(enterprise) + "contacts/", headers={"HX-Request": "true"})
    assert "HX-Request" in fragment["Vary"] and fragment["Cache-Control"] == "no-store"


def test_one_enterprise_is_entered_at_once_several_are_offered(enterprise, other_enterprise):
    client, member = person(enterprise)
    assert client.get("/").headers["Location"] == home(enterprise)
    with tenant(other_enterprise.pk):
        factories.member(user=User.objects.get(pk=member.user_id))
    text = client.get("/").content.decode()
    assert home(enterprise) in text and home(other_enterprise) in text
    assert other_enterprise.name in client.get(home(enterprise)).content.decode(), "the switcher offers it"


def test_menu_shows_exactly_the_pages_that_the_role_may_open(enterprise):
    """Every entry opens; nothing that would be refused is offered (UI.md, Frame)."""
    shown = {}
    for role in (SUPER_ADMIN, GRADED_ADMIN, STAFF):
        client, _member = person(enterprise, role)
        menu = client.get(home(enterprise)).context["menu"]
        shown[role] = {leaf.url for leaf in navigation._leaves(menu)}
        for leaf in navigation._leaves(menu):
            assert client.get(leaf.href).status_code == 200, (role, leaf.url)
    assert "home" in shown[STAFF]
    assert shown[STAFF] <= shown[GRADED_ADMIN] <= shown[SUPER_ADMIN]
    every = {leaf.url for leaf in navigation._leaves(navigation.MENU) if navigation._page(leaf.url)}
    assert shown[SUPER_ADMIN] == every
    for role, name in ((STAFF, "policy"), (STAFF, "enterprise"), (STAFF, "audit")):
        if navigation._page(name):
            assert name not in shown[role]
            assert person(enterprise, role)[0].get(navigation.address(name, enterprise.code)).status_code == 403


def test_the_menu_marks_the_page_by_the_longest_address(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        menu = navigation.menu(actor, home(enterprise))
    assert [leaf.url for leaf in navigation._leaves(menu) if leaf.active] == ["home"]


def test_frame_costs_one_query_and_the_home_page_at_most_15(enterprise):
    client, _member = person(enterprise)
    client.get(home(enterprise))
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(home(enterprise)).status_code == 200
    sent = statements(captured)
    assert len(sent) <= 15, "\n".join(sent)
    assert sum("jobs_notification" in statement for statement in sent) == 1
    # Session (cached), user, enterprise, scope, member: four; the frame: one.
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"{home(enterprise)}jobs/").status_code in (200, 404)
    assert len(statements(captured)) <= 12


def test_frame_counts_running_jobs_and_unread_notifications_of_the_person(enterprise):
    client, member = person(enterprise, STAFF)
    with tenant(enterprise.pk):
        other = factories.member()
        for owner in (member, other):
            JobRun.objects.create(name="nothing", member=owner)
        JobRun.objects.create(name="nothing", member=member, state=JobRun.State.DONE)
        Notification.objects.create(member=member, kind="x", key="1")
        Notification.objects.create(member=member, kind="x", key="2", read_at=clock.now())
        Notification.objects.create(member=other, kind="x", key="3")
    context = client.get(home(enterprise)).context
    assert context["running_jobs"] == 1
    assert context["unread"] == 1


def test_q7_the_meter_follows_time_without_a_job(enterprise):
    """What the account row holds counts only inside its window; then the packages are asked again."""
    client, _member = person(enterprise)
    with tenant(enterprise.pk):
        Account.objects.update(capacity=5000, capacity_until=factories.NOON)
    with clock.at(factories.NOON - timedelta(seconds=1)):
        assert client.get(home(enterprise)).context["meter"].capacity == 5000
    with clock.at(factories.NOON):
        assert client.get(home(enterprise)).context["meter"].capacity == 2000


def test_home_shows_scale_values_and_first_steps(enterprise):
    client, _member = person(enterprise)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        factories.contact(actor)
        factories.contact(actor)
    answer = client.get(home(enterprise))
    assert answer.context["figures"].by_status == {"active": 2, "archived": 0, "lost": 0}
    assert answer.context["figures"].by_grade == {"high": 0, "middle": 0, "low": 2}
    assert [step.done for step in answer.context["steps"]] == [True, True, True, False]
    assert answer.context["meter"].capacity == 2000
    assert answer.context["forbidden"] == []


def test_q8_home_names_what_is_forbidden_and_what_would_help(enterprise):
    client, _member = person(enterprise)
    with tenant(enterprise.pk):
        Account.objects.update(served=2000)
    answer = client.get(home(enterprise))
    assert {"add_contact", "restore_contact", "invite_to_group"} == set(answer.context["forbidden"])
    assert answer.context["meter"].colour == "red"
    assert answer.context["remedies"]


def test_staff_without_rights_to_scale_and_contacts_still_have_a_home(enterprise):
    client, member = person(enterprise, STAFF)
    with tenant(enterprise.pk):
        member.role.permissions = []
        member.role.save()
    answer = client.get(home(enterprise))
    assert answer.status_code == 200
    assert answer.context["meter"] is None and answer.context["figures"] is None


def test_language_is_kept_in_browser_and_account(enterprise):
    client, member = person(enterprise)
    assert 'lang="zh-hans"' in client.get(home(enterprise)).content.decode()
    answer = client.post("/language/", {"language": "en", "next": home(enterprise)})
    assert answer.headers["Location"] == home(enterprise)
    assert 'lang="en"' in client.get(home(enterprise)).content.decode()
    assert User.objects.get(pk=member.user_id).language == "en"
    client.post("/language/", {"language": "tlh"})
    assert client.cookies["language"].value == "en"


def test_the_persons_language_comes_along_into_a_new_browser(client, enterprise):
    user = factories.user(language="en")
    answer = client.post("/account/login/", {"login": user.email, "password": factories.PASSWORD})
    assert answer.status_code == 302
    assert client.cookies["language"].value == "en"


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_theme_is_rendered_by_the_server(client, theme):
    client.post("/theme/", {"theme": theme})
    text = client.get("/account/login/").content.decode()
    assert (f'data-bs-theme="{theme}"' in text) == (theme != "auto")
    assert ("js/theme.js" in text) == (theme == "auto")
    client.post("/theme/", {"theme": '"><script>'})
    assert client.cookies["theme"].value == theme


def test_redirects_stay_at_home(client):
    assert client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"}).headers["Location"] == "/"
    assert client.post("/language/", {"language": "en", "next": "//evil.example"}).headers["Location"] == "/"


def test_account_page_changes_name_and_language(enterprise):
    client, member = person(enterprise)
    assert client.get("/account/").status_code == 200
    wrong = client.post("/account/", {"name": "", "language": "en"})
    assert wrong.status_code == 400 and "is-invalid" in wrong.content.decode()
    assert client.post("/account/", {"name": "新名字", "language": "en"}).status_code == 302
    user = User.objects.get(pk=member.user_id)
    assert (user.name, user.language) == ("新名字", "en")
    assert client.cookies["language"].value == "en"


def test_times_are_shown_in_the_enterprises_zone(db):
    from datetime import UTC, datetime

    from django.utils import timezone

    from console.base import Page
    from console.templatetags.console import day, moment

    instant = datetime(2026, 6, 14, 16, 30, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        assert "2026-06-15 00:30" in moment(instant) and "2026-06-15" in day(instant)
    with timezone.override("America/New_York"):
        assert "2026-06-14 12:30" in moment(instant)
    assert moment(None) == day(None) == "—"

    enterprise = factories.enterprise(timezone="America/New_York")
    client, _member = person(enterprise)
    seen = {}

    class Probe(Page):
        def get(self, request):
            seen["zone"] = str(timezone.get_current_timezone())
            return self.redirect("/")

    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    request.htmx = False
    Probe.as_view()(request, code=enterprise.code)
    assert seen["zone"] == "America/New_York"
