"""C11, C5: whom one means is found while one types; what is found is archived at once, and taken back."""

import re

from playwright.sync_api import Page, expect

PATIENCE = 60_000  # milliseconds until a job that a worker has to fetch is done


def test_c11_suggestions_while_one_types_and_by_keyboard(login, page: Page) -> None:
    login()
    box, found = page.locator("[data-search]"), page.locator(".top-search .found")
    page.keyboard.press("Control+k")
    page.keyboard.type("wxl")
    rows = found.locator("[role=option]")
    expect(rows).to_have_count(7)  # six of that name, and the way to the list
    expect(rows.first).to_contain_text("王晓琳")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(found).to_be_hidden()
    page.keyboard.press("/")
    expect(found).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/contacts/[0-9a-f-]{36}/$"))
    expect(page.locator("h1")).to_have_text("王晓琳")


def test_c11_on_a_phone_the_box_stands_in_the_menu(login, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 812})
    login()
    box, rows = page.locator(".side-search input"), page.locator(".side-search [role=option]")
    expect(box).not_to_be_in_viewport()
    page.locator("[data-seek]").click()
    expect(box).to_be_focused()
    page.keyboard.type("wxl")
    expect(rows).to_have_count(7)
    widths = page.locator(".side-search .found-row").evaluate_all(
        "rows => rows.map((row) => row.scrollWidth - row.clientWidth)"
    )
    assert widths == [0] * 7
    page.keyboard.press("Escape")
    expect(box).not_to_be_in_viewport()
    page.keyboard.press("/")
    expect(box).to_be_focused()
    expect(rows.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/contacts/[0-9a-f-]{36}/$"))
    expect(page.locator("h1")).to_have_text("王晓琳")


def test_c11_nobody_is_said_so_and_the_list_takes_over(login, page: Page) -> None:
    login()
    page.click("[data-search]")
    page.keyboard.type("qqq")
    expect(page.locator(".top-search .found-none")).to_be_visible()
    page.fill("[data-search]", "li lh")
    page.locator(".top-search .found-every").click()
    page.wait_for_url("**/contacts/?search=li+lh")
    expect(page.locator("tbody tr")).to_have_count(6)


def test_c5_c11_what_is_found_is_archived_as_a_whole_and_taken_back(login, page: Page) -> None:
    login(path="contacts/?search=wxl")
    expect(page.locator("tbody tr")).to_have_count(6)
    listed = page.url
    page.check("[data-pick-all]")
    page.locator("[data-bulk] [data-key=e]").click()
    page.wait_for_url("**/bulk/archive/**")
    expect(page.locator(".figure-card").first).to_contain_text("6")
    page.click("form[action*='/start/'] .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    job = page.url
    page.goto(f"{listed}&status=archived")
    expect(page.locator("tbody tr")).to_have_count(6)
    page.goto(job)
    page.click("a[href$='/undo/']")
    page.click("main form .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{listed}&status=active")
    expect(page.locator("tbody tr")).to_have_count(6)


def test_a_view_is_saved_and_found_again(login, page: Page) -> None:
    login(path="contacts/?status=active&ordering=name")
    page.locator("[data-dialog='#save-view']").click()
    page.fill("#view-name", "活跃客户")
    page.locator("#save-view .btn-primary").click()
    expect(page.locator(".view.is-present")).to_have_text("活跃客户")
    page.locator(".view").first.click()
    page.locator(".view", has_text="活跃客户").click()
    expect(page.locator("#f-status")).to_have_value("active")
    page.locator("[data-dialog='#delete-view']").click()
    page.locator("#delete-view .btn-danger").click()
    expect(page.locator(".view")).to_have_count(1)


def test_the_chips_follow_what_one_types(login, page: Page) -> None:
    login(path="contacts/?search=wxl")
    page.locator("[data-dialog='#save-view']").click()
    page.fill("#view-name", "小丽们")
    page.locator("#save-view .btn-primary").click()
    expect(page.locator(".view.is-present")).to_have_text("小丽们")
    page.goto(page.url.split("?")[0])
    expect(page.locator(".view.is-present")).not_to_have_text("小丽们")
    page.locator("#f-search").press_sequentially("wxl")
    expect(page.locator(".view.is-present")).to_have_text("小丽们")
    expect(page.locator("#f-search")).to_be_focused()
    page.keyboard.press("Backspace")
    expect(page.locator(".view.is-present")).to_have_count(0)
    page.goto(f"{page.url.split('?')[0]}?search=wxl")
    page.locator("[data-dialog='#delete-view']").click()
    page.locator("#delete-view .btn-danger").click()
    expect(page.locator(".view")).to_have_count(1)


def test_c11_the_list_follows_what_one_types_and_bulk_work_follows_the_list(login, page: Page) -> None:
    login(path="contacts/?page_size=20")
    expect(page.locator("#results tbody tr")).to_have_count(20)
    page.locator("#f-search").press_sequentially("wxl")
    expect(page.locator("#results tbody tr")).to_have_count(6)
    expect(page).to_have_url(re.compile(r"/contacts/\?.*search=wxl"))
    expect(page.locator("#f-search")).to_be_focused()
    page.check("[data-pick-all]")
    expect(page.locator("[data-bulk-number]")).to_have_text("6")
    expect(page.locator("[data-bulk] input[name=filter]")).to_have_value(re.compile("search=wxl"))
