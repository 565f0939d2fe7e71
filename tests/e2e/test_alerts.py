"""A webhook made, tested and watched in the browser; the bell that drops down (Q13)."""

import re

from playwright.sync_api import Page, expect


def test_a_webhook_is_made_tested_and_watched(login, product) -> None:
    page: Page = login()
    page.goto(f"/e/{product.data['code']}/alerts/webhooks/new/")
    page.fill("[name=name]", "ERP")
    page.fill("[name=url]", "https://hooks.invalid/scrm")
    page.click("main button.btn-primary")
    expect(page.locator("#secret")).to_have_value(re.compile(r"^whsec_.{44}$"))
    page.click("main form button.btn-primary")  # send a test message
    # The page renews itself until it shows what came of the first try: there is no such host.
    expect(page.locator("#delivery .text-danger")).to_be_visible(timeout=30_000)
    page.goto(f"/e/{product.data['code']}/alerts/")
    expect(page.locator("main")).to_contain_text("ERP")


def test_the_bell_drops_down_and_leads_on(login, product) -> None:
    page: Page = login()
    page.click("a.top-icon[data-bs-toggle=dropdown]")
    menu = page.locator(".latest")
    expect(menu).to_be_visible()
    menu.locator("a", has=page.locator("svg")).last.click()
    page.wait_for_url(re.compile("/notifications/preferences/$"))
    expect(page.locator("input[value='job.failed:bell']")).to_be_checked()
