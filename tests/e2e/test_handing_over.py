"""An owner hands over what they own, from the list to the batch (O1, O7); and the same on a phone, in English."""

from playwright.sync_api import Page, expect


def test_o1_o7_an_owner_hands_contacts_over(page: Page, product, login) -> None:
    found = product.run("givers")
    root = f"/e/{found['code']}/"
    login("giver@example.com", f"../{found['code']}/contacts/")
    page.expected |= {286}
    expect(page.locator("#results tbody tr")).to_have_count(4)  # what others own is not there
    for number in range(3):
        page.locator("#results tbody [data-pick]").nth(number).check()
    page.click("#bulk button[formaction$='/contacts/hand-over/']")
    page.wait_for_url("**/contacts/hand-over/?**")

    # Numbers first: choosing the taker shows them at once.
    page.select_option("select[name=taker]", found["taker"])
    page.wait_for_url("**taker=**")
    figures = page.locator(".figure-card b")
    expect(figures.nth(0)).to_have_text("3")
    expect(figures.nth(1)).to_have_text("3")
    expect(page.locator("main")).to_contain_text("苏晴")
    page.fill("textarea[name=message]", "您好，今后由何俊杰为您服务")
    page.click("form[method=post] button.btn-primary")

    # The batch: how far it is, contact by contact; what waits can be called off and tried again.
    page.wait_for_url("**/transfers/*-*/")
    batch = page.url
    expect(page.locator("[data-state=waiting] b")).to_have_text("3")
    expect(page.locator("main tbody [data-transfer=waiting]")).to_have_count(3)
    page.reload()
    expect(page.locator("main")).to_contain_text("今后由何俊杰为您服务")
    page.click("[data-dialog='#cancel']")
    page.click("#cancel button.btn-danger")
    page.wait_for_url(batch)
    expect(page.locator("[data-state=failed] b")).to_have_text("3")
    page.click("[data-dialog='#again']")
    page.click("#again button.btn-primary")
    page.wait_for_url(batch)
    expect(page.locator("[data-state=waiting] b")).to_have_text("3", timeout=60_000)

    # Whoever is on the way already is left out, with the reason; the pages fit a phone.
    page.goto(f"{root}contacts/")
    page.locator("#results thead [data-pick-all]").check()
    page.click("#bulk button[formaction$='/contacts/hand-over/']")
    page.select_option("select[name=taker]", found["taker"])
    page.wait_for_url("**taker=**")
    expect(figures.nth(0)).to_have_text("4")
    expect(page.locator("main")).to_contain_text("正在交接")
    chosen = page.url
    page.set_viewport_size({"width": 375, "height": 812})
    page.context.add_cookies([{"name": "language", "value": "en", "url": product.url}])
    for address in (chosen, chosen.split("&taker")[0], batch, f"{root}transfers/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, address
    expect(page.locator("h1")).to_have_text("Hand-over")
    page.goto(chosen)
    expect(page.locator("main")).to_contain_text("It is being handed over already.")
