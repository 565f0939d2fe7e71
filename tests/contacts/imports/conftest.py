"""Imports as tests see them: upload, run the job here and now, read its result."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from common.tenancy import tenant
from contacts.services.imports import import_upload
from enterprises.models import Enterprise, Member
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories

Importer = Callable[..., JobRun]


def as_csv(*rows: tuple[Any, ...]) -> bytes:
    """A CSV file of these rows, the first being the header."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def run_import(enterprise: Enterprise, tmp_path: Any, settings: Any) -> Importer:
    """`run_import(content, "contacts", on_full="partial")` → the run as it ended."""

    def run(content: bytes, kind: str = "contacts", *, name: str = "f.csv", member: Member | None = None, **how: Any):
        with tenant(enterprise.pk):
            actor = factories.actor(enterprise, member) if member else factories.super_admin(enterprise)
            queued = import_upload(actor, file=SimpleUploadedFile(name, content), kind=kind, **how)
        ended = execute_run(enterprise.pk, queued.pk)
        assert ended is not None
        return ended

    return run


def report(run: JobRun) -> list[list[str]]:
    """The rows of the run's report, without the header."""
    with default_storage.open(run.report) as file:
        return list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"))))[1:]
