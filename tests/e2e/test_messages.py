"""U9: a message is written with its preview, sent, and read in the workbench on a phone; the funnel tells of it."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_spaces import go, network, start_series  # noqa: F401 - a fixture


def join(network: Page, series: str, company: str, name: str, phone: str) -> str:  # noqa: F811
    """A partner with one person in the first space of a series; returns the person's link to their workbench."""
    go(network, "spaces/")
    network.locator("tbody tr", has_text=f"{series} 1").locator("a").first.click()
    network.click("a[href*='/partners/new/']")
    network.fill("[name=name]", company)
    network.click("main form .btn-primary")
    network.wait_for_url(re.compile("/partners/[0-9a-f-]{36}/"))
    network.click("[data-dialog='#add']")
    network.fill("#add [name=name]", name)
    network.fill("#add [name=phone]", phone)
    network.click("#add .btn-primary")
    network.locator(".person a", has_text=name).click()
    network.click("a[href$='/workbench/']")
    network.click("main form .btn-primary")
    return network.locator("#link").input_value()


def test_u9_a_message_is_composed_sent_and_read_on_a_phone(network: Page, phone: Page) -> None:  # noqa: F811
    start_series(network, "通知")
    link = join(network, "通知", "青禾农资", "何田", "13755551234")
    join(network, "通知", "远山建材", "石磊", "13755554321")

    go(network, "space-messages/new/")
    expect(network.locator("#numbers")).to_contain_text("选择空间")
    network.select_option("[name=kind]", "link")
    network.fill("[name=title]", "春季订货会邀请")
    network.fill("[name=text]", "下月 18 日上海见")
    network.fill("[name=url]", "https://fair.example.com/agenda")
    network.locator("fieldset", has_text="系列").get_by_label("通知", exact=True).check()
    expect(network.locator("#numbers .h2")).to_have_text("2")
    network.locator("#search-but_partners").press_sequentially("ysjc")
    network.locator("#offered-but_partners button", has_text="远山建材").click()
    expect(network.locator("#chosen-but_partners")).to_contain_text("远山建材")
    expect(network.locator("#numbers .h2")).to_have_text("1")
    expect(network.locator("#numbers")).to_contain_text("已排除")
    network.locator("#search-but_partners").press("Enter")  # sends nothing
    network.click("main form .btn-primary")
    network.wait_for_url(re.compile("/space-messages/[0-9a-f-]{36}/"))
    expect(network.locator("main")).to_contain_text("不需要员工逐一确认")
    network.click("[data-dialog='#send']")
    expect(network.locator("#send-title")).to_contain_text("1 人")
    network.click("#send .btn-primary")
    expect(network.locator("#funnel .tone", has_text="已发送")).to_be_visible(timeout=30_000)

    phone.expected.add(403)
    phone.goto(link)
    phone.fill("#digits", "1234")
    phone.click("main button")
    letter = phone.locator(".latest-item", has_text="春季订货会邀请")
    expect(letter).to_have_class(re.compile("is-unread"))
    letter.click()
    expect(phone.locator("article")).to_contain_text("下月 18 日上海见")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    target = phone.locator("article .btn-primary").get_attribute("href")
    assert target is not None
    assert phone.request.get(target, max_redirects=0).headers["location"] == "https://fair.example.com/agenda"
    phone.click(".back")
    expect(phone.locator(".latest-item", has_text="春季订货会邀请")).not_to_have_class(re.compile("is-unread"))

    network.reload()
    expect(network.locator("tbody tr")).to_have_count(1)
    expect(network.locator("tbody tr")).to_contain_text("何田")
    expect(network.locator("tbody tr")).to_contain_text("已点击")
