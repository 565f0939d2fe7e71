"""Page × persona, complete (DESIGN.md 6, O4, O5); and that a foreign id is a missing one."""

import re

import pytest
from django.urls import get_resolver

from common.ids import uuid7
from tests.permissions.console_table import CONSOLE
from tests.permissions.table import Row
from tests.permissions.test_matrix import ANYBODY, essence, mounted, routes
from tests.permissions.world import World, rolled_back

# Parts of addresses that choose among fixed words, written out in the table.
WORDS = {
    "contacts/bulk/archive/": "contacts/bulk/{}/",
    "contacts/bulk/archive/start/": "contacts/bulk/{}/start/",
    "contacts/{}/purchases/": "contacts/{}/{}/",
    "tags/tag/{}/": "tags/{}/{}/",
    "imports/no-such-token/": "imports/{}/",
    "imports/templates/contacts/": "imports/templates/{}/",
    "scale/platform/lost/": "scale/platform/{}/",
    "scale/budgets/loans/{}/approve/": "scale/budgets/loans/{}/{}/",
}


def test_every_page_has_its_row():
    rows = [(method, WORDS.get(path, path)) for method, path in (row.route for row in CONSOLE)]
    assert len(rows) == len(set(rows)), "a route has two rows"
    assert mounted("e/{}/") == set(rows)


# Pages outside of an enterprise: what somebody without a log-in gets, and what everybody else's tests cover.
GLOBAL = {
    "": 302,
    "enterprises/": 302,
    "language/": 405,
    "theme/": 405,
    "signup/": 200,
    "signup/{}/": 404,
    "join/{}/": 404,
    "workbench/{}/": 200,
    "workbench/{}/{}/": 404,
    "workbench/{}/{}/address/": 302,
    "workbench/{}/{}/{}/": 404,
    "workbench/{}/{}/{}.ics": 404,
    "workbench/{}/{}/messages/{}/": 404,
    "workbench/{}/{}/messages/{}/go/": 404,
    "space/{}/{}/": 404,
    "space/{}/{}/qr.svg": 404,
    "space/{}/{}/qr.png": 404,
    "calendar/{}/{}.ics": 404,
    "api/docs": 200,
}


def test_every_other_page_is_known(worlds):
    """A page that is neither an enterprise's nor the API's is written down here, with what a stranger gets."""
    elsewhere = ("e/{}/", "api/v1/", "account/", "platform/")
    found = {path for _method, path in routes(get_resolver().url_patterns) if not path.startswith(elsewhere)}
    assert found == set(GLOBAL)
    stranger = worlds[0].people["anonymous"].console
    answers = {path: stranger.get("/" + path.replace("{}", "no-such-token")).status_code for path in GLOBAL}
    assert answers == GLOBAL


def call(client, row: Row, code: str, ids: dict, body: dict):
    path = f"/e/{code}/" + re.sub(r"{(\w+)}", lambda match: str(ids[match[1]]), row.path)
    if row.method == "GET":
        return client.get(path, body)
    return client.post(path, body, headers={"HX-Request": "true"})


def expected(row: Row, who: str, world: World) -> tuple[int, ...]:
    if who == "anonymous":
        return (302,) if row.method == "GET" else (286,)
    if who in ("foreign", "disabled", "suspended"):
        return (404,)
    return row.allowed(who, world.people[who].codes)


@pytest.mark.parametrize("row", CONSOLE, ids=lambda row: f"{row.method} {row.path}")
def test_o4_o5_console(row, worlds):
    ours, _theirs = worlds
    found, wanted = {}, {}
    for who in ANYBODY:
        with rolled_back():
            answer = call(ours.people[who].console, row, ours.enterprise.code, ours.ids, row.content(ours))
        allowed = expected(row, who, ours)
        found[who] = answer.status_code
        wanted[who] = answer.status_code if answer.status_code in allowed else allowed
        if who == "anonymous":
            target = answer["Location"] if row.method == "GET" else answer["HX-Redirect"]
            assert target.startswith("/account/login/")
    assert found == wanted


@pytest.mark.parametrize("row", CONSOLE, ids=lambda row: f"{row.method} {row.path}")
def test_a_suspended_enterprise_is_closed(row, worlds):
    ours, _theirs = worlds
    boss = ours.people["suspended"].console
    with rolled_back():
        ids = {kind: uuid7() for kind in row.kinds}
        assert call(boss, row, ours.ids["suspended_code"], ids, row.content(ours)).status_code == 403


@pytest.mark.parametrize("row", CONSOLE, ids=lambda row: f"{row.method} {row.path}")
def test_o5_another_enterprise_is_answered_like_one_that_does_not_exist(row, worlds):
    ours, theirs = worlds
    admin = theirs.people["admin"].console
    answers = []
    for code in (ours.enterprise.code, "nosuch22"):
        with rolled_back():
            answers.append(_essence(call(admin, row, code, ours.ids, row.content(ours)), [code]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("row", [row for row in CONSOLE if row.kinds], ids=lambda row: f"{row.method} {row.path}")
def test_o5_a_foreign_id_is_answered_like_a_random_one(row, worlds):
    ours, theirs = worlds
    admin = theirs.people["admin"].console
    body = row.content(theirs)
    answers = []
    for ids in (ours.ids, {kind: uuid7() for kind in row.kinds}):
        with rolled_back():
            answer = call(admin, row, theirs.enterprise.code, ids, body)
            answers.append(_essence(answer, [ids[kind] for kind in row.kinds]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def _essence(answer, ids):
    """Without the token against forged forms, which is new in every page."""
    status, headers, text = essence(answer, ids)
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken[^:]*: ?)"?&?[^">]*', r"\1", text)
    return status, headers, re.sub(r"[A-Za-z0-9]{64}", "TOKEN", text)
