"""Somebody leaves, from the click on "has left" to the successors who own everything (O6)."""

from playwright.sync_api import Page, expect


def test_o6_resignation_from_start_to_end(page: Page, product, login) -> None:
    found = product.run("leavers")
    login()
    page.expected |= {286}
    root = f"/e/{found['code']}/"

    # The member has left: a question first, then what they had waits in the pool.
    page.goto(f"{root}members/{found['leaver']}/")
    page.click("[data-dialog='#resign']")
    page.click("#resign button.btn-danger")
    page.goto(f"{root}transfers/")
    row = page.locator("main tbody tr", has_text="吴静")
    expect(row).to_contain_text("7")

    # The plan: evenly over two, first in numbers.
    row.locator("a.btn-primary").click()
    page.select_option("[name=how]", "even")
    page.wait_for_url("**how=even**")
    page.select_option("[name=takers]", found["takers"])
    page.click("form[method=get] button")
    expect(page.locator(".figure-card").first).to_contain_text("7")
    shares = page.locator("form[method=post] tbody tr")
    expect(shares).to_have_count(2)
    expect(shares.nth(0)).to_contain_text("4")
    expect(shares.nth(1)).to_contain_text("3")

    # It runs, shows how far it is, and ends.
    page.click("form[method=post] button.btn-primary")
    page.wait_for_url("**/transfers/*-*/")
    expect(page.locator("[data-state=done] b")).to_have_text("8", timeout=60_000)
    page.reload()
    expect(page.locator("main tbody [data-transfer=done]")).to_have_count(8)
    page.goto(f"{root}transfers/")
    expect(page.locator("main")).to_contain_text("没有待分配的客户")

    # The successors own everything; the pages fit a phone.
    for taker, number in zip(found["takers"], ("4", "3"), strict=True):
        page.goto(f"{root}contacts/?owner={taker}")
        expect(page.locator("#results tbody tr")).to_have_count(int(number))
    page.set_viewport_size({"width": 375, "height": 812})
    for path in ("transfers/", "transfers/?tab=finished", "radar/", "team-board/"):
        page.goto(f"{root}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
