"""C5, C8: an operator archives many contacts, watches the job, and takes it back."""

from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds until a job that a worker has to fetch is done


def test_c5_archive_by_filter_and_undo(login):
    page = login(path="inactive/")
    expect(page.locator("h1")).to_be_visible()
    page.goto(page.url.replace("inactive/", "contacts/bulk/archive/?filter=status%3Dactive"))
    expect(page.locator(".figure-card").first).to_contain_text("60")
    page.click("form[action*='/start/'] .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    page.click("a[href$='/undo/']")
    expect(page.locator(".figure-card").nth(1)).to_contain_text("60")
    page.click("main form .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("a[href$='/undo/']")).to_have_count(0)


def test_c8_deleting_is_possible_only_with_the_number_typed_in(login):
    page = login(path="contacts/bulk/delete/?filter=status%3Darchived")
    expect(page.locator("form[action*='/start/'] .btn-danger")).to_have_count(0)
    page.goto(page.url.replace("delete", "archive").replace("archived", "active"))
    page.click("form[action*='/start/'] .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    address = page.url.split("/jobs/")[0]
    page.goto(f"{address}/contacts/bulk/delete/?filter=status%3Darchived")
    button = page.locator("form[action*='/start/'] .btn-danger")
    expect(button).to_be_disabled()
    page.fill("#id_count", "59")
    expect(button).to_be_disabled()
    page.fill("#id_count", "60")
    expect(button).to_be_enabled()
    page.goto(f"{address}/jobs/")
    page.locator("tbody a").first.click()
    page.click("a[href$='/undo/']")
    page.click("main form .btn-primary")
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
