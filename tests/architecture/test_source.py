"""Habits that a reviewer should not have to look for (DESIGN.md 3, docs/architecture.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "enterprises", "jobs", "quota", "contacts", "collaboration", "upstream", "console", "scrm")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts)
LONGEST = 400
# Time is asked of the clock alone (common/clock.py).
CLOCKS = re.compile(r"timezone\.now\(|datetime\.now\(|datetime\.utcnow\(|date\.today\(|localdate\(|\btime\.time\(")
# By id only among what the caller may see: enterprises.rest.get_or_404 on a visible queryset.
BY_ID = re.compile(r"get_object_or_404|\.objects\.get\((pk|id)=")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_files_stay_easy_to_read(path):
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "clock.py"], ids=ids)
def test_time_comes_from_the_one_clock(path):
    assert CLOCKS.findall(path.read_text()) == []


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parts[-2] in ("api", "console") or path.name == "api.py"], ids=ids
)
def test_o5_views_do_not_look_up_by_id_themselves(path):
    assert BY_ID.findall(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_locks_say_that_they_are_no_key_locks(path):
    """FOR UPDATE would block inserts of rows that point here; NO KEY does not."""
    for call in calls(path):
        if called(call) == "select_for_update":
            assert "no_key" in {keyword.arg for keyword in call.keywords}, f"line {call.lineno}"
    texts = (node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
    plain = [text for text in texts if isinstance(text, str) and "FOR UPDATE" in text and "SELECT" in text]
    assert plain == [], "write FOR NO KEY UPDATE"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_translatable_texts_are_plain_literals(path):
    for call in calls(path):
        if called(call) in ("_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"):
            for text in call.args[:1]:
                assert isinstance(text, ast.Constant | ast.Name | ast.Attribute), f"line {call.lineno}"


def services() -> list[Path]:
    return [path for path in MODULES if path.name == "services.py" or "services" in path.relative_to(ROOT).parts[:-1]]


@pytest.mark.parametrize("path", services(), ids=ids)
def test_services_take_the_actor_first_and_the_rest_by_keyword(path):
    """Those that change something, and so write an audit entry: one positional argument at most, the actor."""
    for node in tree(path).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        records = any(called(call) == "record" for call in ast.walk(node) if isinstance(call, ast.Call))
        positional = [argument.arg for argument in node.args.posonlyargs + node.args.args]
        if records:
            assert positional in (["actor"], ["batch"], ["context"], []), f"{node.name}: {positional}"


@pytest.mark.parametrize("path", services(), ids=ids)
def test_services_are_documented_and_typed(path):
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            assert node.returns is not None, node.name


# Who opens a tenant's scope, besides jobs/ and the composition in scrm/, and why.
DOORS = {
    "common/tenancy.py": "the door itself",
    "console/base.py": "the base page",
    "console/calendar.py": "a calendar program knows a secret address and nothing else",
    "enterprises/rest.py": "the base API view",
    "enterprises/api/session.py": "a log-in becomes a token of an enterprise",
    "enterprises/services/enterprise.py": "a new enterprise has no scope before",
    "enterprises/services/invitations.py": "who accepts an invitation belongs nowhere yet",
    "enterprises/admin.py": "an operator verifies or suspends from outside",
    "upstream/services/workbench.py": "the partner's workbench, by personal link",
    "upstream/tasks.py": "mail to a partner's person who asked for their link",
    "upstream/services/joining.py": "who comes by a link into a space belongs nowhere yet",
    "enterprises/tasks.py": "mail of an enterprise",
}


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_x2_only_the_doors_open_a_tenant(path):
    if path.parts[-2] == "commands" or ids(path).startswith(("jobs/", "scrm/")) or ids(path) in DOORS:
        return
    assert [call.lineno for call in calls(path) if called(call) == "tenant"] == []


# Tables for people are written by these, which ask common.formulas of every text; nobody writes one by hand.
TABLE_WRITERS = {"contacts/files/writers.py", "enterprises/people_files.py"}


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_c12_no_table_is_written_past_the_one_that_makes_formulas_harmless(path):
    text, name = path.read_text(), ids(path)
    if name in TABLE_WRITERS:
        assert "neutralise" in text
    elif not name.startswith("scrm/demo/"):  # files of the demo are read again by our own imports
        assert not re.search(r"csv\.(Dict)?[wW]riter|xlsxwriter|openpyxl", re.sub(r'""".*?"""', "", text, flags=re.S))
