"""O1, O2: the owner invites a colleague in the browser, the colleague accepts, sees the contact, and may no more."""

import re

from playwright.sync_api import expect


def test_o1_o2_inviting_a_collaborator(login, page, product):
    login("owner@example.com", f"../{product.data['other']}/contacts/")
    page.locator("tbody a", has_text="协作客户").first.click()
    expect(page.locator("#collaborators")).to_be_visible()
    page.click("#collaborators a[href$='/collaborators/add/']")
    page.locator("select[name=member]").select_option(label="吴桐")
    page.check("input[name=level][value=editor]")
    page.fill("input[name=expires_on]", "2099-12-31")
    page.fill("input[name=message]", "请帮忙跟进")
    page.click("main form .btn-primary")
    expect(page.locator("#collaborators li")).to_have_count(1)
    expect(page.locator("#collaborators li")).to_contain_text("吴桐")
    address = page.url
    page.context.clear_cookies()

    login("helper@example.com", f"../{product.data['other']}/collaborations/")
    expect(page.locator("main")).to_contain_text("请帮忙跟进")
    page.click("form[action$='/accept/'] button")
    page.wait_for_url(re.compile(re.escape(address)))
    expect(page.locator("#collaborators li")).to_contain_text("吴桐")
    expect(page.locator("a[href$='/edit/']")).to_be_visible()
    expect(page.locator("a[href$='/owner/']")).to_have_count(0)
    expect(page.locator("[data-dialog='#archive']")).to_have_count(0)
    page.click("a[href$='/visibility/']")
    expect(page.locator("#tab")).to_contain_text("吴桐")
    page.click("[data-dialog='#leave']")
    page.click("#leave .btn-primary")
    page.wait_for_url("**/contacts/")
    page.expected.add(404)
    page.goto(address)
    expect(page.locator(".empty-header")).to_have_text("404")
