"""Nothing that somebody sent is passed over: what a route does not know is refused, and what it did is undone."""

import re
from pathlib import Path

import pytest
import yaml

from enterprises.rest import LIST_PARAMETERS
from tests import workers
from tests.permissions.api_table import API
from tests.permissions.table import Row
from tests.permissions.test_matrix import address, call
from tests.permissions.world import OURS, rolled_back

DOCUMENT = yaml.safe_load(Path("docs/openapi.yaml").read_text())
# What is refused for another reason, whoever asks, says nothing here.
ROWS = [row for row in API if max(row.good) < 400 and not row.public and not set(OURS) <= set(row.but)]


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


OPERATIONS = {
    (method.upper(), _shape(path.removeprefix("/api/v1/"))): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def documented(row: Row) -> set[str]:
    """The parameters of the query that the OpenAPI document names."""
    told = OPERATIONS[row.route].get("parameters", ())
    return {parameter["name"] for parameter in told if parameter["in"] == "query"}


def asked(worlds, row: Row, query: str = "", body=None, **more):
    """What somebody is answered who may do it; nothing of it stays."""
    ours, _theirs = worlds
    may = next(who for who in reversed(OURS) if row.allowed(who, ours.people[who].codes) == row.good)
    with rolled_back():
        content = row.content(ours) if body is None else body
        answer = call(ours.people[may].api, row, f"{address(row, ours.ids)}{query}", content, **more)
    workers.empty_cache()
    return answer


def refused(answer) -> set[str]:
    """The names that are refused."""
    assert answer.status_code == 400
    return set(answer.json()["errors"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_x1_what_a_route_does_not_document_is_refused(row, worlds):
    """A parameter of the query (paging, where there are no pages), a cursor that somebody made up, and a body that
    nobody reads: `POST jobs/{id}/undo {"ids": …}` must not take everything back."""
    known = documented(row)
    paging = LIST_PARAMETERS - known
    first = refused(asked(worlds, row, f"?no_such=1&{'&'.join(f'{name}=1' for name in paging)}"))
    if first == {"no_such"} and paging:  # refused before the work; the others are told after it
        assert refused(asked(worlds, row, "?" + "&".join(f"{name}=1" for name in paging))) == paging
    else:
        assert first == {"no_such"} | paging
    if "cursor" in known:
        assert refused(asked(worlds, row, "?cursor=W10")) == {"cursor"}
    if row.body is None and row.method != "GET":
        assert refused(asked(worlds, row, body={"no_such": 1})) == {"no_such"}


@pytest.mark.parametrize("row", [row for row in ROWS if row.method == "GET"], ids=lambda row: row.path)
def test_x1_times_in_answers_are_utc(row, worlds):
    answer = asked(worlds, row)
    if answer["Content-Type"] == "application/json":
        offsets = re.findall(r"T\d\d:\d\d[0-9:.]*[+-]\d\d:?\d\d", answer.content.decode())
        assert [one for one in offsets if not one.endswith("+00:00")] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("groups", "owner"), ("groups", "dismissed"), ("transfers", "member"), ("transfers", "finished"),
     ("transfers/{stopped}/items", "taker"), ("duplicates", "member"), ("follow-ups", "mine"), ("members", "role")],
)  # fmt: skip
def test_x1_a_value_that_makes_no_sense_does_not_pass_for_another_one(path, name, worlds):
    [row] = [row for row in ROWS if (row.method, row.path) == ("GET", path)]
    assert refused(asked(worlds, row, f"?{name}=yes")) == {name}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.method in ("PATCH", "PUT")], ids=lambda row: f"{row.method} {row.path}"
)
def test_x1_a_version_that_was_read_is_compared_or_refused(row, worlds):
    """Whoever sends If-Match must not overwrite what they have not read."""
    stale = asked(worlds, row, headers={"If-Match": '"999999"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert asked(worlds, row, headers={"If-Match": "*"}).status_code in row.good


def body_fields(row: Row) -> dict[str, dict]:
    """The fields of the body that the OpenAPI document names, and what it says of them."""
    content = OPERATIONS[row.route].get("requestBody", {}).get("content", {})
    told = content.get("application/json", {}).get("schema", {})
    told = DOCUMENT["components"]["schemas"][told["$ref"].rpartition("/")[2]] if "$ref" in told else told
    return told.get("properties", {})


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.method != "GET" and body_fields(row)], ids=lambda row: f"{row.method} {row.path}"
)
def test_x1_no_value_of_a_field_is_an_error_of_ours(row, worlds):
    """The first day of the calendar in every field, and nothing or what PostgreSQL cannot keep in lists and objects."""
    ours, _theirs = worlds
    fields = body_fields(row)
    bodies = [dict.fromkeys(fields, "0001-01-01")]
    bodies += [
        {**row.content(ours), name: value}
        for name, told in fields.items()
        if told.get("type") in ("array", "object")
        for value in ([], {"\0": ["\0"]})
    ]
    for body in bodies:
        assert asked(worlds, row, body=body).status_code < 500, body
