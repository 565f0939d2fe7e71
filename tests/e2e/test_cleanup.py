"""C8: announce, keep one, call off; then archive, export, and delete for good by typing the number."""

from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds until a job that a worker has to fetch is done


def test_c8_the_whole_clean_up(login, product):
    code = product.run("cleanup")["code"]
    page = login()
    page.goto(f"/e/{code}/inactive/")
    page.click("a[href$='/inactive/announce/']")
    expect(page.locator(".figure-card").nth(1)).to_contain_text("5")
    page.click("main form .btn-primary")
    page.wait_for_url("**/inactive/rounds/*/")
    page.locator("tbody input[name=ids]").first.check()
    page.click("button[value=keep]")
    expect(page.locator(".figure-card").nth(1)).to_contain_text("1")
    page.click("button[value=cancel]")
    expect(page.locator("button[value=keep]")).to_have_count(0)

    product.run("cleanup", "now")
    page.goto(f"/e/{code}/inactive/announce/")
    page.click("main form .btn-primary")
    page.wait_for_url("**/inactive/rounds/*/")
    page.click("a[href*='/jobs/']:has-text('任务')")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)

    page.goto(f"/e/{code}/inactive/")
    expect(page.locator("#main a[href*='/exports/']")).to_be_visible()
    page.click("a.btn-outline-danger[href*='/contacts/bulk/delete/']")
    button = page.locator("form[action*='/start/'] .btn-danger")
    expect(button).to_be_disabled()
    page.fill("#id_count", "5")
    button.click()
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    page.goto(f"/e/{code}/contacts/")
    expect(page.locator("tbody tr")).to_have_count(0)
