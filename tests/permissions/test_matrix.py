"""Route × persona, complete: what each of ten kinds of callers gets from every route (DESIGN.md 6, O4, O5, X1)."""

import re
from uuid import UUID

import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from common.ids import uuid7
from tests import workers
from tests.permissions.api_table import API
from tests.permissions.table import Row
from tests.permissions.world import PERSONAS, World, replaced, rolled_back

ANYBODY = PERSONAS


def routes(patterns, prefix=""):
    """Every (method, path) of the resolver, ids as {}."""
    for pattern in patterns:
        path = prefix + re.sub(r"<[^>]*>", "{}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            names = ("get", "post", "put", "patch", "delete")
            own = [name for name in names if name in vars(view) or _inherited(view, name)] if view else ["get"]
            yield from ((name.upper(), path) for name in own)


def _inherited(view, name):
    return any(name in vars(base) for base in view.__mro__ if base.__module__.split(".")[0] in OURS_MODULES)


OURS_MODULES = {"enterprises", "jobs", "quota", "contacts", "collaboration", "upstream", "console", "scrm"}


def mounted(under):
    return {
        (method, path.removeprefix(under))
        for method, path in routes(get_resolver().url_patterns)
        if path.startswith(under)
    }


def test_every_route_of_the_api_has_its_row():
    rows = [row.route for row in API]
    assert len(rows) == len(set(rows)), "a route has two rows"
    assert mounted("api/v1/") == set(rows)


def call(client, row: Row, url: str, body: dict, **more):
    if row.method == "GET":
        return client.get(url)
    if row.multipart:
        return client.post(url, body)
    return client.generic(row.method, url, *_json(body), **more)


def _json(body):
    import json

    return json.dumps(body, default=str), "application/json"


def address(row: Row, ids: dict) -> str:
    return "/api/v1/" + re.sub(r"{(\w+)}", lambda match: str(ids[match[1]]), row.path)


def expected(row: Row, who: str, world: World) -> tuple[int, ...]:
    if row.public:
        return row.good
    if who in ("anonymous", "disabled"):
        return (401,)
    if who == "suspended":
        return (403,)
    if who == "foreign":
        return (404,) if row.kinds else (400, 404, 202, 200) if row.names_things and not row.multipart else row.good
    return row.allowed(who, world.people[who].codes)


@pytest.mark.parametrize("row", API, ids=lambda row: f"{row.method} {row.path}")
def test_o4_o5_api(row, worlds):
    """Each persona gets exactly what the table says, and every refusal is a problem document."""
    ours, _theirs = worlds
    found, wanted = {}, {}
    for who in ANYBODY:
        with rolled_back():
            answer = call(ours.people[who].api, row, address(row, ours.ids), row.content(ours))
        workers.empty_cache()  # the throttle of log-ins takes all of them for one caller
        allowed = expected(row, who, ours)
        found[who] = answer.status_code
        wanted[who] = answer.status_code if answer.status_code in allowed else allowed
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", (who, answer.content[:200])
    assert found == wanted


# --- What is foreign and what is missing -----------------------------------------------------------------------


def essence(answer, ids):
    """Status, headers and body of an answer, without what differs from one request to the next."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Date", "ETag")}
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = body.decode(errors="replace")
    for one in ids:
        text = text.replace(str(one), "ID")
        headers = {name: value.replace(str(one), "ID") for name, value in headers.items()}
    return answer.status_code, headers, text


@pytest.mark.parametrize("row", [row for row in API if row.kinds], ids=lambda row: f"{row.method} {row.path}")
def test_o5_a_foreign_id_in_the_path_is_answered_like_a_random_one(row, worlds):
    ours, theirs = worlds
    admin = theirs.people["admin"].api
    body = row.content(theirs)
    answers = []
    for ids in (ours.ids, {kind: uuid7() for kind in row.kinds}):
        with rolled_back():
            answers.append(essence(call(admin, row, address(row, ids), body), [ids[kind] for kind in row.kinds]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize(
    "row", [row for row in API if row.names_things and not row.multipart], ids=lambda row: f"{row.method} {row.path}"
)
def test_o5_a_foreign_id_in_the_body_is_answered_like_a_random_one(row, worlds):
    ours, theirs = worlds
    admin = ours.people["admin"].api
    body = row.content(ours)
    named = {kind: value for kind, value in ours.ids.items() if isinstance(value, UUID)}
    answers = []
    for swap in (
        {value: theirs.ids[kind] for kind, value in named.items()},
        {value: uuid7() for value in named.values()},
    ):
        with rolled_back():
            answer = call(admin, row, address(row, ours.ids), replaced(body, swap))
            answers.append(essence(answer, [*swap.values(), *_made(answer)]))
    assert answers[0] == answers[1]
    assert answers[0][0] in (400, 404) or row.path.startswith("contacts/bulk")


def _made(answer):
    """Ids that the answer itself made: the job of a bulk whose contacts do not exist."""
    return re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", answer.content.decode(errors="replace"))


@pytest.mark.parametrize(
    "row", [row for row in API if row.body is not None], ids=lambda row: f"{row.method} {row.path}"
)
def test_a_field_that_does_not_exist_is_refused(row, worlds):
    """A typo must not be half a success."""
    ours, _theirs = worlds
    body = {**row.content(ours), "no_such_field": "1"}
    with rolled_back():
        answer = call(ours.people["admin"].api, row, address(row, ours.ids), body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["no_such_field"])


FILTERS = {
    "contacts": ("owner", "member", "collaborator", "department", "tag_any", "tag_all", "tag_none", "group"),
    "members": ("department", "role"),
    "quota/ledger": ("contact",),
    "audit": ("actor", "subject"),
    "tokens": ("member",),
    "tags": ("group",),
}
KIND = {
    "owner": "friend",
    "member": "friend",
    "collaborator": "friend",
    "actor": "friend",
    "subject": "contact",
    "group": "group",
}


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in FILTERS.items() for name in names])
def test_o5_a_foreign_id_in_a_filter_is_answered_like_a_random_one(path, name, worlds):
    ours, theirs = worlds
    kind = {"tag_any": "tag", "tag_all": "tag", "tag_none": "tag"}.get(name) or KIND.get(name, name)
    kind = "tag_group" if (path, name) == ("tags", "group") else kind
    answers = []
    for one in (theirs.ids[kind], uuid7()):
        with rolled_back():
            answer = ours.people["admin"].api.get(f"/api/v1/{path}", {name: str(one), "count": "1"})
            answers.append(essence(answer, [one]))
    assert answers[0] == answers[1]
    assert answers[0][0] in (200, 400)


def test_o5_a_foreign_enterprise_named_by_a_session_is_answered_like_an_unknown_one(worlds):
    ours, theirs = worlds
    browser = ours.people["admin"].console
    answers = [
        essence(browser.get("/api/v1/me", headers={"X-Enterprise": str(named)}), [named])
        for named in (theirs.enterprise.pk, uuid7(), theirs.enterprise.code, "nosuch")
    ]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert answers[0][0] == 404
