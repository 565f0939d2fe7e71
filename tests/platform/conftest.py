"""Folders for embedded services.

Not pytest's own: it takes away the others' right to pass through them at every start of every pytest,
and PostgreSQL, which root runs as another user, would stand before a closed door.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scrm-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


place = pytest.fixture(_place)
module_place = pytest.fixture(_place, scope="module")
