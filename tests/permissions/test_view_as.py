"""O5: looking through somebody's eyes shows exactly what they see, changes nothing, and is written down."""

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from common.tenancy import tenant
from console.base import VIEW_AS
from contacts.models import Contact
from enterprises import view_as
from enterprises.models import AuditEntry
from enterprises.rest import VIEW_AS as HEADER
from tests.permissions.api_table import API
from tests.permissions.console_table import CONSOLE
from tests.permissions.test_console_matrix import call as open_page
from tests.permissions.test_matrix import address
from tests.permissions.test_matrix import call as ask
from tests.permissions.world import rolled_back

EYES = ("staff", "viewer", "owner", "graded_in")


def fresh(persona) -> Client:
    """A browser of its own, whose session is nobody else's."""
    browser = Client()
    browser.force_login(persona.member.user)
    browser.cookies["language"] = "en"
    return browser


def looking(world, who: str, *, by: str = "admin") -> Client:
    """The super admin's browser, looking through this member's eyes."""
    browser = fresh(world.people[by])
    session = browser.session
    session[VIEW_AS] = {str(world.enterprise.pk): str(world.people[who].member.pk)}
    session.save()
    return browser


def through(client: Client, member) -> Client:
    """The same client of the API, looking through this member's eyes."""
    return Client(**{**client.defaults, f"HTTP_{HEADER.upper().replace('-', '_')}": str(member.pk)})


@pytest.mark.parametrize("row", [row for row in CONSOLE if row.method == "GET"], ids=lambda row: f"GET {row.path}")
def test_o5_pages_are_those_that_the_member_gets(row, worlds):
    ours, _theirs = worlds
    for who in EYES:
        with rolled_back():
            own = open_page(ours.people[who].console, row, ours.enterprise.code, ours.ids, row.content(ours))
        with rolled_back():
            seen = open_page(looking(ours, who), row, ours.enterprise.code, ours.ids, row.content(ours))
        assert seen.status_code == own.status_code, who


@pytest.mark.parametrize("row", [row for row in CONSOLE if row.method == "POST"], ids=lambda row: f"POST {row.path}")
def test_o5_nothing_can_be_changed(row, worlds):
    ours, _theirs = worlds
    if row.path == "own-eyes/":
        return
    with rolled_back():
        answer = open_page(looking(ours, "owner"), row, ours.enterprise.code, ours.ids, row.content(ours))
    assert answer.status_code in (403, 404)  # 404 where the answer to a wrong address comes first


@pytest.mark.parametrize("row", [row for row in API if not row.public], ids=lambda row: f"{row.method} {row.path}")
def test_o5_the_api_answers_as_it_would_the_member(row, worlds):
    ours, _theirs = worlds
    admin = ours.people["admin"].api
    for who in EYES:
        member = ours.people[who].member
        eyes = through(admin, member)
        with rolled_back():
            seen = ask(eyes, row, address(row, ours.ids), row.content(ours))
        if row.method != "GET":
            assert (seen.status_code, seen.json()["code"]) == (403, "view_as_read_only")
            continue
        with rolled_back():
            own = ask(ours.people[who].api, row, address(row, ours.ids), row.content(ours))
        assert seen.status_code == own.status_code, who


def test_o5_only_super_admins_look_and_not_through_each_other(worlds):
    ours, theirs = worlds
    for who, persona in ours.people.items():
        if who in ("anonymous", "foreign", "disabled", "suspended", "admin"):
            continue
        eyes = through(persona.api, ours.people["staff"].member)
        with rolled_back():
            assert eyes.get("/api/v1/me").status_code == 403, who
        with rolled_back():  # a session that says so is not believed either
            browser = looking(ours, "owner", by=who)
            assert b"own-eyes" not in browser.get(f"/e/{ours.enterprise.code}/").content
    admin = ours.people["admin"].api
    for member, status in ((ours.people["admin"].member, 403), (theirs.people["staff"].member, 404)):
        eyes = through(admin, member)
        with rolled_back():
            assert eyes.get("/api/v1/me").status_code == status


def test_o5_it_is_written_down_and_ends(worlds):
    ours, _theirs = worlds
    owner = ours.people["owner"].member
    code = ours.enterprise.code
    with rolled_back():
        browser = fresh(ours.people["admin"])
        assert browser.post(f"/e/{code}/members/{owner.pk}/view-as/").status_code == 302
        home = browser.get(f"/e/{code}/").content.decode()
        assert "own-eyes/" in home and owner.name in home
        with tenant(ours.enterprise.pk):
            entry = AuditEntry.objects.get(action="member.viewed_as")
            assert (entry.actor_id, entry.subject_id) == (ours.people["admin"].member.pk, owner.pk)
        assert browser.post(f"/e/{code}/own-eyes/").status_code == 302
        assert "own-eyes/" not in browser.get(f"/e/{code}/").content.decode()


def test_o5_the_database_refuses_what_slips_through(worlds):
    """The negative control of the method check: a write in a GET fails, and without the setting it would not."""
    ours, _theirs = worlds
    with rolled_back():
        with tenant(ours.enterprise.pk):
            with pytest.raises(DatabaseError, match="read-only"), transaction.atomic():
                view_as.only_read("GET")
                Contact.objects.update(remark="x")
            assert Contact.objects.update(remark="x") > 0
