"""The scale: overview, buying with a question in numbers, ledger; on a screen and on a phone."""

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def scale(login, product) -> Page:
    """The overview of the enterprise."""
    page = login()
    page.goto(f"/e/{product.data['code']}/scale/")
    return page


def test_overview_draws_and_counts(scale: Page) -> None:
    expect(scale.locator(".gauge-text b")).to_have_text("60")
    expect(scale.locator("[data-chart=outlook-chart] canvas")).to_be_visible()
    expect(scale.locator("#seats .figure b").first).to_be_visible()  # counted apart, swapped in
    expect(scale.locator("[data-chart=seats-chart] canvas")).to_be_visible()
    scale.locator("a[href='?days=365']").click()
    expect(scale.locator("a[href='?days=365']")).to_have_class("btn btn-sm active")


def test_the_number_of_wecom(scale: Page) -> None:
    scale.fill("#platform [name=served]", "64")
    scale.locator("#platform button").click()
    expect(scale.locator("#platform .facts")).to_contain_text("64")
    expect(scale.locator("#platform .facts dd").last).to_have_text("4")


def test_buying_asks_in_numbers_and_is_refused_twice(scale: Page, product) -> None:
    scale.goto(f"/e/{product.data['code']}/scale/packages/")
    scale.locator("[data-dialog='#buy-purchase-5000']").click()
    dialog = scale.locator("#buy-purchase-5000")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("¥500.00")
    dialog.locator("[data-dialog-close]").click()
    expect(dialog).to_be_hidden()
    scale.locator("[data-dialog='#buy-purchase-5000']").click()
    dialog.locator("[name=order_no]").fill("MALL-1")
    dialog.locator("button.btn-primary").click()
    expect(scale.locator(".meter")).to_contain_text("5,000")
    expect(scale.locator("table")).to_contain_text("MALL-1")
    expect(scale.locator("[data-dialog='#buy-upgrade-10000']")).to_be_visible()
    expect(scale.locator("[data-dialog='#buy-upgrade-5000']")).to_have_count(0)


def test_the_plan_and_the_forecast_are_drawn(scale: Page, product) -> None:
    expect(scale.locator("#plan-cards .tier").first).to_be_visible()  # fetched by the overview
    scale.goto(f"/e/{product.data['code']}/scale/plan/?basis=today")
    expect(scale.locator("#plan .tier").first).to_be_visible()
    scale.goto(f"/e/{product.data['code']}/scale/forecast/")
    expect(scale.locator("[data-chart=outlook-chart] canvas")).to_be_visible()
    scale.locator(".chart-table summary").first.click()
    expect(scale.locator(".chart-table table").first).to_be_visible()


@pytest.mark.parametrize("path", ["", "packages/", "ledger/", "seats/", "forecast/", "plan/"])
def test_pages_fit_a_phone(scale: Page, product, path: str) -> None:
    scale.set_viewport_size({"width": 375, "height": 800})
    scale.goto(f"/e/{product.data['code']}/scale/{path}")
    assert scale.evaluate("document.documentElement.scrollWidth") <= 375
