"""The OpenAPI document: complete, without warnings, kept as a file, readable in a browser under the strict CSP."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from scrm.docs import schema
from scrm.vendor import FILES

KEPT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
MAKE = "python manage.py spectacular --lang en --validate --fail-on-warn --file docs/openapi.yaml"
CALLS = [(path, method, call) for path, methods in schema("en")["paths"].items() for method, call in methods.items()]


def test_the_kept_document_is_the_present_one_and_has_no_warnings(tmp_path):
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), lang="en", validate=True, fail_on_warn=True)
    assert made.read_text() == KEPT.read_text(), f"Make it again: {MAKE}"


def test_every_route_is_described():
    routes = {
        "/api/v1/" + re.sub(r"<[^>]*>", "{}", str(pattern.pattern))
        for include in get_resolver("scrm.api").url_patterns
        for pattern in getattr(include, "url_patterns", [include])
    }
    described = {re.sub(r"{[^}]*}", "{}", path) for path, _method, _call in CALLS}
    assert routes - described == {"/api/v1/schema"}


@pytest.mark.parametrize(("path", "method", "call"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_call_says_what_it_does_needs_and_answers(path, method, call):
    assert call["description"].strip() and re.fullmatch(r"[a-z_]+", call["operationId"]) and call["tags"]
    good = [status for status in call["responses"] if status.startswith("2")]
    assert good and {"401", "429"} <= set(call["responses"])
    for status in good:
        assert status == "204" or call["responses"][status].get("content"), "an answer without a shape"
    for status, answer in call["responses"].items():
        assert status.startswith("2") or set(answer["content"]) == {"application/problem+json"}
    parameters = {(one["in"], one["name"]) for one in call.get("parameters", [])}
    assert {name for place, name in parameters if place == "path"} == set(re.findall(r"{(\w+)}", path))
    if method == "post" and path != "/api/v1/auth/token":
        assert ("header", "Idempotency-Key") in parameters


def test_operation_ids_are_unique():
    names = [call["operationId"] for _path, _method, call in CALLS]
    assert len(names) == len(set(names))


@pytest.mark.django_db
class TestServed:
    def test_document_as_yaml_and_json_for_everybody(self, client):
        text = client.get("/api/v1/schema", headers={"Accept-Language": "en"})
        assert text.status_code == 200 and yaml.safe_load(text.content) == yaml.safe_load(KEPT.read_text())
        assert client.get("/api/v1/schema?format=json").json()["openapi"].startswith("3.")

    def test_making_it_is_work_for_once(self, client, monkeypatch):
        client.get("/api/v1/schema")
        monkeypatch.setattr("scrm.docs.SchemaGenerator", None)
        assert client.get("/api/v1/schema").status_code == 200

    def test_page_obeys_the_strict_policy(self):
        answer = Client().get("/api/docs")
        page = answer.content.decode()
        assert answer.status_code == 200 and "default-src 'self'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=|https?://", page)
        for name in re.findall(r'/static/(vendor/[^"]+)"', page):
            assert name in FILES
