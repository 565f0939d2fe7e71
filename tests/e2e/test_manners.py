"""UI.md, "Manners": pages survive back and forward, a lost session loses no place, what is copied is copied."""

import re

from playwright.sync_api import Page, expect

from tests.factories import PASSWORD

ACTIVE = ".nav-link.active"


def test_back_and_forward_keep_the_frame_around_a_contacts_tabs(login, page: Page) -> None:
    """A tab alone comes by htmx; going back must show the page, neither the tab alone nor what the cache kept of it."""
    login(path="contacts/")
    page.locator("tbody .person a").first.click()
    page.locator("#tab-purchases").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/purchases/")
    expect(page.locator(ACTIVE)).to_have_id("tab-purchases")
    expect(page.locator("#tab-purchases")).to_be_focused()  # the keyboard stays where it was
    page.locator("#tab-followers").click()
    page.wait_for_url("**/followers/")
    for tab in ("purchases", "timeline"):
        page.go_back()
        expect(page.locator(ACTIVE)).to_have_id(f"tab-{tab}")
        expect(page.locator(".side-menu")).to_be_visible()
    page.locator("#tab-purchases").click()
    page.wait_for_url("**/purchases/")
    page.locator(".heading-actions a[href$='/edit/']").click()
    page.wait_for_url("**/edit/")
    page.go_back()
    expect(page.locator(ACTIVE)).to_have_id("tab-purchases")
    expect(page.locator(".side-menu")).to_be_visible()


def test_a_session_that_ended_while_somebody_types_leads_back_to_the_list(login, page: Page) -> None:
    login(path="contacts/?status=active")
    page.context.clear_cookies(name="sessionid")
    page.locator("#f-search").fill("王")
    page.wait_for_url(re.compile("/account/login/"))
    page.fill("[name=login]", "admin@example.com")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/contacts/?status=active")
    expect(page.locator("#f-status")).to_have_value("active")


def test_what_a_button_copies_is_what_stands_in_the_box(login, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    login(path="follow-ups/")
    page.locator("form[action$='/calendar/'] button").first.click()
    page.locator("[data-copy='#feed']").click()
    expect(page.locator("#toasts .notice")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#feed").input_value() != ""


def test_a_list_of_several_is_filled_by_clicks_alone(login, page: Page) -> None:
    login(path="tags/rules/new/")
    options = page.locator("#id_grade option")
    for number in (0, 1, 2, 1):
        options.nth(number).click()
    assert options.evaluate_all("all => all.map(one => one.selected)") == [True, False, True]
