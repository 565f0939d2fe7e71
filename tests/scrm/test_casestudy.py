"""The case study through the REST API, in this process: `make casestudy` plays the same against a running instance."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from benchmarks.case import DATA, MISSING, Case
from enterprises.models import Enterprise
from jobs.runner import execute_run
from tests import factories

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DATA.exists(), reason=MISSING),
]


class InProcess:
    """Django's test client as the API, and jobs done where they are waited for."""

    def __init__(self, enterprise: Enterprise, capsys: pytest.CaptureFixture[str]) -> None:
        self.enterprise = enterprise
        self.client: Client = factories.api_client(enterprise)
        self.capsys = capsys

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        return self._document(self.client.generic(method, f"/api/v1/{path}", **data))

    def upload(self, path: str, filename: str, content: bytes, **fields: str) -> Any:
        form = {"file": SimpleUploadedFile(filename, content, "text/csv"), **fields}
        return self._document(self.client.post(f"/api/v1/{path}", form))

    def fetch(self, url: str) -> bytes:
        return self.client.get(url).getvalue()

    def nightly(self, name: str, now: str | None = None) -> dict[str, Any]:
        moment = ["--now", now] if now else []
        call_command("run_job", name, "--enterprise", str(self.enterprise.pk), *moment)
        return json.loads(self.capsys.readouterr().out.strip().splitlines()[-1])["result"]

    def finished(self, job: str) -> dict[str, Any]:
        execute_run(self.enterprise.pk, UUID(job))
        return self.call("GET", f"jobs/{job}")

    @staticmethod
    def _document(response: Any) -> Any:
        assert 200 <= response.status_code < 300, response.content
        return response.json()


def test_q10_c5_c7_c9_q14_the_retailers_case_through_the_api(enterprise, capsys):
    case = Case(InProcess(enterprise, capsys))
    case.play()
    assert [line for line in case.lines if not line.holds] == []
    assert len(case.lines) > 25
