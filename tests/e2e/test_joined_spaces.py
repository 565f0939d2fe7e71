"""U11: two enterprises connect in the browser, one sees what the other shares, and the connection ends."""

import re

from playwright.sync_api import Page, expect


def test_u11_an_enterprise_joins_a_space_by_a_code_and_sees_what_is_shared(login, product, page: Page) -> None:
    ours, theirs = f"../{product.data['network']}/", f"{product.url}/e/{product.data['code']}/"
    login(path=f"{ours}spaces/")
    home = page.url.removesuffix("spaces/")
    page.click("[data-dialog='#new']")
    page.fill("#new [name=name]", "连接空间")
    page.click("#new .btn-primary")
    page.click("a[href*='/partners/new/']")
    page.fill("[name=name]", "星河零售")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile("/partners/[0-9a-f-]{36}/$"))
    partner = page.url
    page.goto(f"{home}shares/new/")
    page.fill("[name=title]", "秋季框架协议")
    page.fill("[name=url]", "https://docs.example.com/agreement")
    page.locator("[name=space]").select_option(label="连接空间")
    page.click("main form .btn-primary")
    page.goto(f"{partner}connection/")
    page.click("main form .btn-primary")
    code = page.locator("#code").input_value()

    page.goto(f"{theirs}joined-spaces/")
    page.click("[data-dialog='#join']")
    page.fill("#join [name=code]", code)
    page.click("#join .btn-primary")
    page.wait_for_url(re.compile("/joined-spaces/[0-9a-f-]{36}/$"))
    inside = page.url
    expect(page.locator("h1")).to_have_text("连接空间")
    expect(page.locator(".list-group a", has_text="秋季框架协议")).to_be_visible()
    expect(page.locator("main")).to_contain_text("集采联盟")
    page.set_viewport_size({"width": 375, "height": 812})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{theirs}joined-spaces/")
    expect(page.locator("tbody tr", has_text="连接空间")).to_contain_text("星河零售")

    page.goto(f"{partner}connection/")
    page.click("[data-dialog='#end']")
    page.click("#end .btn-danger")
    expect(page.locator(".card-actions")).to_contain_text("未连接")
    page.goto(inside)
    expect(page.locator(".empty-title")).to_have_text("连接已断开")
    expect(page.locator("main")).not_to_contain_text("秋季框架协议")
