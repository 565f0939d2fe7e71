"""Browser tests: the real product, a real Chromium, and no tolerance.

A test fails when the browser reports an error, a violation of the content security policy, a request to
another host, or an answer of 400 and more that the test did not announce (`page.expected.add(404)`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e import product as products
from tests.factories import PASSWORD

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed."))


# Errors of the browser's that a second message tells more exactly (the response; htmx:sendError), or that are none:
# whoever leaves a page ends what it was asking for.
TOLD_OTHERWISE = ("Failed to load resource", "htmx:afterRequest", "htmx:sendAbort")


@pytest.fixture(scope="session")
def product() -> Iterator[products.Product]:
    """The running product with two enterprises and some contacts (tests/e2e/seed.py)."""
    with products.started() as running:
        running.data = running.run("seed")
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, product: products.Product) -> Iterator[Page]:
    """A page in a browser without history, whose complaints fail the test."""
    with _watched(browser, product, viewport={"width": 1440, "height": 900}) as opened:
        yield opened


@pytest.fixture
def phone(browser: Browser, product: products.Product) -> Iterator[Page]:
    """Somebody else's phone, without history, beside `page`; its complaints fail the test as well."""
    with _watched(browser, product, viewport={"width": 375, "height": 812}, is_mobile=True, has_touch=True) as opened:
        yield opened


@contextmanager
def _watched(browser: Browser, product: products.Product, **device: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=product.url, locale="zh-CN", **device)
    context.set_default_timeout(10_000)
    opened = context.new_page()
    complaints = watch(opened, product.url)
    yield opened
    context.close()
    assert not complaints, "\n".join(complaints)


def watch(page: Page, url: str) -> list[str]:
    """Collect everything that should not happen in a page."""
    complaints: list[str] = []
    page.expected = set()  # type: ignore[attr-defined]  # statuses that the test announces

    def heard(message: Any) -> None:
        if message.type == "error" and not message.text.startswith(TOLD_OTHERWISE):
            complaints.append(f"console: {message.text}")

    def answered(response: Any) -> None:
        if response.status >= 400 and response.status not in page.expected:  # type: ignore[attr-defined]
            complaints.append(f"{response.status}: {response.request.method} {response.url}")

    def asked(request: Any) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"external request: {request.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("response", answered)
    page.on("request", asked)
    return complaints


@pytest.fixture
def login(page: Page, product: products.Product) -> Callable[..., Page]:
    """`login("admin@example.com")`: the page, logged in, on the enterprise's home (or at `path` below it)."""

    def log_in(email: str = "admin@example.com", path: str = "") -> Page:
        page.goto("/account/login/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(lambda address: "/account/login/" not in address)
        page.goto(f"/e/{product.data['code']}/{path}")
        return page

    return log_in
