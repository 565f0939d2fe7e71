"""Lists: keyboard, selection of a page and of everything, pages, search; by the contact list (60 contacts)."""

import re

from playwright.sync_api import Page, expect


def test_select_a_page_then_everything_then_nothing(login, page: Page) -> None:
    login(path="contacts/")
    bar = page.locator("[data-bulk]")
    expect(bar).to_be_hidden()
    page.locator("[data-pick-all]").check()
    expect(bar.locator("[data-bulk-number]")).to_have_text("50")
    everything = bar.locator("[data-bulk-everything]")
    expect(everything).to_contain_text("60")
    everything.click()
    expect(bar.locator("[data-bulk-number]")).to_have_text("60")
    expect(bar.locator("[data-bulk-all]")).to_have_value("1")
    page.locator("[data-pick]").first.uncheck()
    expect(bar.locator("[data-bulk-number]")).to_have_text("49")
    expect(bar.locator("[data-bulk-all]")).to_have_value("")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def test_shift_takes_what_is_in_between(login, page: Page) -> None:
    login(path="contacts/")
    page.locator("[data-pick]").nth(2).click()
    page.locator("[data-pick]").nth(6).click(modifiers=["Shift"])
    expect(page.locator("[data-bulk-number]")).to_have_text("5")


def test_keyboard_moves_selects_and_opens(login, page: Page) -> None:
    login(path="contacts/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    expect(page.locator("tbody tr").nth(1)).to_have_class(re.compile("is-current"))
    page.keyboard.press("x")
    expect(page.locator("[data-pick]").nth(1)).to_be_checked()
    expect(page.locator("[data-bulk-number]")).to_have_text("1")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/contacts/[0-9a-f-]{36}/"))
    page.go_back()
    expect(page.locator("tbody tr").first).to_be_visible()


def test_pages_have_addresses_that_survive_reload_and_back(login, page: Page) -> None:
    login(path="contacts/?page_size=20")
    first = page.locator("tbody tr").first.inner_text()
    page.locator("a[rel=next]").click()
    page.wait_for_url("**/contacts/?page_size=20&page=2")
    second = page.locator("tbody tr").first.inner_text()
    assert first != second
    page.reload()
    assert page.locator("tbody tr").first.inner_text() == second
    page.locator(".pagination a", has_text="3").click()
    expect(page.locator("tbody tr")).to_have_count(20)
    expect(page.locator("a[rel=next]")).to_have_count(0)
    page.go_back()
    page.go_back()
    assert page.locator("tbody tr").first.inner_text() == first


def test_search_from_anywhere(login, page: Page) -> None:
    login()
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("王")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/?search=%E7%8E%8B")
    expect(page.locator("tbody tr")).to_have_count(6)
    page.keyboard.press("Control+k")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("?j")
    expect(page.locator("#help")).to_be_hidden()


def test_e_archives_by_a_preview_in_numbers(login, page: Page) -> None:
    login(path="contacts/")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("e")
    page.wait_for_url("**/bulk/archive/**")
    expect(page.locator("main")).to_contain_text("1")


def test_a_name_that_turns_the_direction_of_writing_turns_only_itself(login, page: Page) -> None:
    """“@微信” says where somebody comes from: no name may write it backwards, or take its place."""
    login(path="contacts/")
    for name in ("王\u202eevil", "\u2067evil", "مرحبا"):
        places = page.evaluate(
            """name => {
                const person = document.querySelector("tbody .person > div");
                const [link, mark] = [person.querySelector("a"), person.querySelector("[class^=mark-]")];
                link.textContent = name;
                const first = document.createRange(), last = document.createRange();
                first.setStart(mark.firstChild, 0); first.setEnd(mark.firstChild, 1);
                last.setStart(mark.firstChild, 1); last.setEnd(mark.firstChild, 2);
                const boxes = [link, first, last].map(one => one.getBoundingClientRect());
                return boxes.flatMap(box => [Math.round(box.left), Math.round(box.right)]);
            }""",
            name,
        )
        assert places == sorted(places), name


def test_list_fits_a_phone(login, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 812})
    for path in ("contacts/", "tags/", "groups/", "inactive/", "imports/", "scale/", "scale/ledger/", "jobs/"):
        login(path=path) if path == "contacts/" else page.goto(page.url.split("/e/")[0] + path_of(page, path))
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path


def path_of(page: Page, path: str) -> str:
    """The same enterprise's other page."""
    code = page.url.split("/e/")[1].split("/")[0]
    return f"/e/{code}/{path}"
