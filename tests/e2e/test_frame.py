"""The frame: log in, home, theme, language, enterprises, keyboard, phone."""

from playwright.sync_api import Page, expect

from tests.factories import PASSWORD


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_log_in_and_out(page: Page, product, login) -> None:
    page.goto(f"/e/{product.data['code']}/")
    assert "/account/login/" in page.url, "strangers are sent to the log-in"
    home = login()
    expect(home.locator(".meter")).to_contain_text("60")
    expect(home.locator(".gauge-text")).to_contain_text("2,000")
    home.locator(".top-account").click()
    home.locator("form[action='/account/logout/'] button").click()
    page.wait_for_load_state()
    page.goto(f"/e/{product.data['code']}/")
    assert "/account/login/" in page.url


def test_wrong_password_keeps_the_address_and_focuses(page: Page) -> None:
    page.goto("/account/login/")
    page.fill("[name=login]", "admin@example.com")
    page.fill("[name=password]", "not the password")
    page.click("main button[type=submit]")
    expect(page.locator(".alert-danger, .invalid-feedback").first).to_be_visible()
    expect(page.locator("[name=login]")).to_have_value("admin@example.com")


def test_theme_survives_reload_without_a_flash(login) -> None:
    page = login()
    light = background(page)
    page.locator(".top .dropdown:has(form[action='/theme/']) > button").click()
    page.locator(".top button[name=theme][value=dark]").click()
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert background(page) != light
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_theme_like_the_system(login) -> None:
    page = login()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_language_stays_with_browser_and_person(login, page: Page, browser, product) -> None:
    login()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.locator("button[name=language][value=en]").first.evaluate("button => button.click()")
    page.wait_for_load_state()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.context.clear_cookies(name="language")
    page.context.clear_cookies(name="sessionid")
    login()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("button[name=language][value=zh-hans]").first.evaluate("button => button.click()")
    page.wait_for_load_state()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")


def test_switch_enterprise(login, page: Page, product) -> None:
    login()
    page.locator(".switcher button").click()
    page.locator(".switcher .dropdown-item", has_text="北辰").click()
    page.wait_for_url(f"**/e/{product.data['other']}/")
    expect(page.locator(".meter")).to_contain_text("100")


def test_keyboard_help(login, page: Page) -> None:
    login()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_phone_375(login, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 812})
    login()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    expect(page.locator("#menu")).not_to_be_in_viewport()
    page.locator(".top [data-bs-target='#menu']").first.click()
    expect(page.locator("#menu .side-link").first).to_be_in_viewport()


def test_unknown_page_is_an_error_page(login, page: Page) -> None:
    page.expected.add(404)  # type: ignore[attr-defined]
    login(path="no/such/page/")
    expect(page.locator(".error-page")).to_contain_text("404")


def test_second_factor_shows_its_qr_code_under_the_strict_policy(login, page: Page) -> None:
    login()
    page.goto("/account/2fa/totp/activate/")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("img.qr")).to_be_visible()
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 0
