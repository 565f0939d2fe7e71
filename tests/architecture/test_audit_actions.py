"""X3: every action that the code records stands in the registry, with words that people read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Field

from console.words import NAMES
from enterprises.audit_actions import ACTIONS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("enterprises", "jobs", "quota", "contacts", "collaboration", "upstream", "outreach", "wecom", "console")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts)


def recorded(tree: ast.AST) -> Iterator[tuple[int, str | None]]:
    """Line and code of every `audit.record(actor, code, …)`; None where it cannot be read off.

    A helper may take the code as a parameter called `action`; then its callers in the module are read instead.
    """
    for function in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
        for call in (node for node in _own(function) if isinstance(node, ast.Call) and _name(node) == "audit.record"):
            given = _argument(call, 1, "action")
            if isinstance(given, ast.Name) and given.id == "action" and isinstance(function, ast.FunctionDef):
                yield from _from_callers(tree, function)
            else:
                yield from ((call.lineno, code) for code in _literals(given))


def _from_callers(tree: ast.AST, function: ast.FunctionDef) -> Iterator[tuple[int, str | None]]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    position = names.index("action") - (names[0] == "self") if "action" in names else 1000
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in (function.name, f"self.{function.name}"):
            yield from ((node.lineno, code) for code in _literals(_argument(node, position, "action")))


def told(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and key of what entries say in `before={…}` and `after={…}`, as far as keys are literals."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node) == "audit.record"):
        for given in (one.value for one in call.keywords if one.arg in ("before", "after")):
            for key in given.keys if isinstance(given, ast.Dict) else ():
                if isinstance(key, ast.Constant):
                    yield call.lineno, str(key.value)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in the function itself, not in functions inside of it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own(child)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return named or (call.args[position] if len(call.args) > position else None)


def _literals(node: ast.expr | None) -> list[str | None]:
    if isinstance(node, ast.IfExp):
        return [*_literals(node.body), *_literals(node.orelse)]
    return [node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_x3_every_recorded_action_is_registered(path):
    found = list(recorded(ast.parse(path.read_text())))
    assert [line for line, code in found if code is None] == [], "write the action's code as a literal"
    assert {code for _line, code in found} - set(ACTIONS) == set(), "register it in enterprises/audit_actions.py"


def test_the_reader_finds_literals_choices_and_parameters():
    source = """
def one(actor):
    audit.record(actor, "a.one", None)
    audit.record(actor, "a.two" if actor else "a.three")
    helper(actor, "a.four")
    audit.record(actor, f"a.{actor}")
def helper(actor, action):
    audit.record(actor, action)
"""
    assert [code for _line, code in recorded(ast.parse(source))] == ["a.one", "a.two", "a.three", None, "a.four"]


FIELDS = {
    field.name: str(field.verbose_name)
    for model in apps.get_models()
    for field in model._meta.get_fields()
    if isinstance(field, Field) and str(field.verbose_name) != field.name.replace("_", " ")
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_x3_what_changed_has_words(path):
    """Either a name of its own (console/words.py), or that of the model's field."""
    assert {key for _line, key in told(ast.parse(path.read_text()))} - {*NAMES, *FIELDS} == set()
