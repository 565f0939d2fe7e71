"""What a fresh clone relies on: locked, hashed requirements that name no registry."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_python_lock_is_hashed_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|\bfile:", text)
    pinned = re.split(r"\n(?=[A-Za-z])", text)[1:]
    assert len(pinned) > 30
    assert [entry.splitlines()[0] for entry in pinned if "--hash=sha256:" not in entry] == []


def test_locks_agree_on_every_version() -> None:
    versions: dict[tuple[str, str], set[str]] = {}  # a package may have a version for each range of Pythons
    for lock in LOCKS:
        pinned = re.findall(r"^([\w.-]+(?:\[\S+\])?)==(\S+) *(;[^\\]*)?", lock.read_text(), re.MULTILINE)
        for name, version, marker in pinned:
            versions.setdefault((name, marker.strip()), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_front_end_lock_names_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


def test_every_package_of_ours_stands_in_the_import_contract() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert ours == set(listed)
