"""What must not stand in the repository: addresses of machines and networks, work done where it may not be done."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".html", ".js", ".css", ".toml", ".yml", ".yaml", ".json", ".lock", ".sh", ".txt", ".cfg", ".md", ""}
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
FILES = [ROOT / name for name in TRACKED if name and (ROOT / name).suffix in TEXT and (ROOT / name).is_file()]

# A path of somebody's machine; a package registry's address in a lock file.
MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root)/\w+|[A-Z]:\\Users\\")
REGISTRY = re.compile(r'"resolved":|--(?:extra-)?index-url|--find-links')

# Scripts, styles and images come from ourselves (docs/security.md).
FOREIGN = re.compile(r"""(?:src|href|action)=["']https?://|url\(["']?https?://|@import\s+["']https?://""")


@pytest.mark.skipif(not FILES, reason="not a checkout")
def test_no_paths_of_machines():
    found = [path.name for path in FILES if MACHINE.search(path.read_text(errors="replace"))]
    assert found == []


@pytest.mark.skipif(not FILES, reason="not a checkout")
def test_lock_files_name_no_registry():
    locks = [path for path in FILES if path.suffix == ".lock" or path.name == "package-lock.json"]
    assert locks and not [path.name for path in locks if REGISTRY.search(path.read_text())]


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.css")]),
    ids=lambda path: path.name,
)
def test_pages_load_nothing_from_elsewhere(path):
    allowed = ("templates/mail",)
    if not str(path.relative_to(ROOT)).startswith(allowed):
        assert FOREIGN.findall(path.read_text()) == []


def tasks() -> list[ast.FunctionDef]:
    """Every Celery task."""
    modules = [path for room in ("enterprises", "jobs", "quota", "contacts") for path in (ROOT / room).rglob("*.py")]
    functions = (node for path in modules for node in ast.walk(ast.parse(path.read_text())))
    return [
        node
        for node in functions
        if isinstance(node, ast.FunctionDef) and any("shared_task" in ast.dump(one) for one in node.decorator_list)
    ]


# Tasks that touch no tenant's rows themselves: they hand over to what opens the scope.
HAND_OVER = {
    "run_job": "execute_run",
    "fan_out": "fan_out",
    "fan_out_waiting": "fan_out_waiting",
    "sweep": "take_back",
    "deliver": "deliver",
}

# Tasks on global tables alone.
GLOBAL_ONLY = {"send_signup": "mail to somebody who belongs nowhere yet"}


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.name)
def test_x2_tasks_open_the_tenant_or_hand_over_to_what_does(task):
    called = {
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for call in ast.walk(task)
        if isinstance(call, ast.Call)
    }
    assert task.name in GLOBAL_ONLY or "tenant" in called or HAND_OVER.get(task.name) in called


def test_x2_temporary_tables_end_with_their_transaction():
    """A connection serves one enterprise after the other: what one staged must be gone before the next comes."""
    rooms = ("enterprises", "jobs", "quota", "contacts")
    sources = (path.read_text() for room in rooms for path in (ROOT / room).rglob("*.py"))
    made = [part.partition('"""')[0] for source in sources for part in source.split("CREATE TEMP TABLE")[1:]]
    assert made and all("ON COMMIT DROP" in part for part in made)
