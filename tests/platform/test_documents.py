"""The documents keep up with the program."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "scrm" / "settings.py").read_text()
READ = sorted(
    set(re.findall(r"""env\.\w+\(\s*["']([A-Z_]+)["']""", SETTINGS)) | set(re.findall(r'"(SCRM_[A-Z]+)"', SETTINGS))
)


@pytest.mark.parametrize("name", READ)
def test_every_setting_is_in_the_table(name: str) -> None:
    table = (ROOT / "docs" / "operations.md").read_text()
    assert f"| `{name}` |" in table


def test_the_table_lists_nothing_that_is_gone() -> None:
    table = (ROOT / "docs" / "operations.md").read_text().split("## Settings")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    assert listed - set(READ) == set()
