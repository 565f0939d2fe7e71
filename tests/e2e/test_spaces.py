"""U7, U8, U11: spaces in the browser, and what partners do with them on their phones."""

import io
import re

import pytest
import segno
from playwright.sync_api import Page, expect


@pytest.fixture
def network(login, product, page: Page) -> Page:
    """The admin's browser in the enterprise that works with spaces."""
    return login(path=f"../{product.data['network']}/spaces/")


def go(page: Page, path: str) -> None:
    """To another page of the same enterprise."""
    host, code = re.match("(.*/e/)([^/]+)", page.url).groups()  # type: ignore[union-attr]
    page.goto(f"{host}{code}/{path}")


def start_series(page: Page, name: str) -> None:
    """Create a series in the dialog of the list of spaces."""
    page.click("[data-dialog='#series']")
    dialog = page.locator("#series")
    dialog.locator("[name=name]").fill(name)
    dialog.locator("[name=purpose]").fill("新品发布与素材，先发给媒体")
    dialog.locator(".btn-primary").click()
    expect(page.locator("tbody tr", has_text=f"{name} 1")).to_have_count(1)


def answer(phone: Page, /, **values: str) -> None:
    """Fill in the form of an invitation as quickly as people type: what comes faster is taken for a robot's."""
    for name, value in values.items():
        phone.locator(f"[name={name}]").fill("")
        phone.locator(f"[name={name}]").press_sequentially(value, delay=110)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    phone.click("main button.btn-primary")


def test_u8_u7_a_series_and_somebody_joins_it_by_the_qr_code_on_a_phone(network: Page, phone: Page) -> None:
    start_series(network, "媒体")
    expect(network.locator("tbody tr", has_text="媒体 1")).to_contain_text("0 / 1,000")
    go(network, "invitations/new/")
    network.locator("[name=series]").select_option(label="媒体")
    network.fill("[name=source]", "展会")
    network.click("main form .btn-primary")
    link = network.locator("#link").input_value()
    drawn = io.BytesIO()
    segno.make(link, error="m").save(drawn, kind="svg", scale=10, border=4)
    shown = network.locator("img.qr").get_attribute("src")
    assert shown is not None
    assert network.request.get(shown).body() == drawn.getvalue(), "the QR code is the link's"

    phone.goto(link)
    expect(phone.locator("main")).to_contain_text("新品发布与素材")
    answer(phone, company="晨报传媒", name="王晓", phone="13900001234", title="主编")
    expect(phone.locator(".empty-title")).to_have_text("您已加入")
    network.reload()
    expect(network.locator(".facts")).to_contain_text("1")
    go(network, "spaces/")
    row = network.locator("tbody tr", has_text="媒体 1")
    expect(row).to_contain_text("1 / 1,000")
    row.locator("a").first.click()
    expect(network.locator("section", has_text="晨报传媒").first).to_be_visible()
    expect(network.locator("main")).to_contain_text("王晓")


def test_u7_customers_are_chosen_by_a_filter_invited_personally_and_join(network: Page, phone: Page) -> None:
    start_series(network, "门店")
    go(network, "contacts/?search=商行")
    network.locator("[data-pick-all]").check()
    expect(network.locator("[data-bulk-number]")).to_have_text("3")
    network.click("[formaction*='invitations/customers/']")
    network.locator("[name=series]").select_option(label="门店")
    network.click("main form .btn-primary")
    network.wait_for_url(re.compile("/invitations/[0-9a-f-]{36}/"))
    rows = network.locator("form[action$='/sent/'] tbody tr")
    expect(rows).to_have_count(3)
    links = {row.locator("a").first.inner_text(): row.locator("input[readonly]").input_value() for row in rows.all()}
    for box in network.locator("[name=ids]").all():
        box.check()
    network.click("form[action$='/sent/'] .card-footer button")
    expect(network.locator("[name=ids]")).to_have_count(0)

    phone.goto(links["韩梅"])
    expect(phone.locator("[name=company]")).to_have_value("韩梅商行")
    answer(phone, title="店主，负责华东三家分店的采购")
    expect(phone.locator(".empty-title")).to_have_text("您已加入")
    phone.goto(links["李雷"])
    phone.click("button[value=no]")
    expect(phone.locator(".empty-icon")).to_be_visible()

    network.reload()
    numbers = network.locator(".funnels tbody tr").first.locator("td.num")
    assert numbers.all_inner_texts() == ["3", "3", "2", "1", "1"]  # invited, sent, opened, joined, declined
    go(network, "contacts/?search=韩梅")
    expect(network.locator("tbody tr")).to_have_count(1)  # stays a customer


def test_u11_what_is_shared_stands_in_the_workbench_until_it_is_withdrawn(network: Page, phone: Page) -> None:
    start_series(network, "品牌")
    network.locator("tbody tr", has_text="品牌 1").locator("a").first.click()
    network.click("a[href*='/partners/new/']")
    network.fill("[name=name]", "海拓液压")
    network.click("main form .btn-primary")
    network.wait_for_url(re.compile("/partners/[0-9a-f-]{36}/"))
    network.click("[data-dialog='#add']")
    network.fill("#add [name=name]", "周岚")
    network.fill("#add [name=phone]", "13755550088")
    network.click("#add .btn-primary")
    network.locator(".person a", has_text="周岚").click()
    network.click("a[href$='/workbench/']")
    network.click("main form .btn-primary")
    link = network.locator("#link").input_value()
    go(network, "shares/new/")
    network.select_option("[name=kind]", "document")
    network.fill("[name=title]", "秋季价目表")
    network.fill("[name=url]", "https://docs.example.com/prices")
    network.locator("[name=series]").select_option(label="品牌")
    network.click("main form .btn-primary")

    phone.expected.add(403)
    phone.goto(link)
    phone.fill("#digits", "0088")
    phone.click("main button")
    shared = phone.locator(".list-group a", has_text="秋季价目表")
    expect(shared).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    expect(phone.locator("main")).to_contain_text("陈晓琳")  # whom of ours they may write to
    target = shared.get_attribute("href")
    assert target is not None
    assert phone.request.get(target, max_redirects=0).headers["location"] == "https://docs.example.com/prices"

    network.reload()
    row = network.locator("tbody tr", has_text="秋季价目表")
    expect(row.locator("td.num").first).to_have_text("1")
    row.locator("button").click()
    expect(row.locator("button")).to_have_count(0)
    phone.reload()
    expect(phone.locator("main")).to_contain_text("周岚")
    expect(shared).to_have_count(0)
    assert phone.request.get(target, max_redirects=0).status == 404


def test_u10_the_guide_names_the_kind_and_joining_its_group_chat_joins_the_space(network: Page, phone: Page) -> None:
    network.click("a[href$='/spaces/guide/']")
    form = network.locator("#chat")
    form.locator("[name=purpose][value=announce]").check()
    form.locator("[name=people]").fill("800")
    form.locator("[name=wechat][value=no]").check()
    form.locator(".btn-primary").click()
    expect(network.locator("#chat [data-answer=space]")).to_be_visible()

    go(network, "spaces/")
    network.click("[data-dialog='#new']")
    network.locator("#new [name=name]").fill("集采联盟博主")
    network.locator("#new [name=partners_open]").check()
    network.locator("#new .btn-primary").click()
    network.click("a[href$='/chats/']")
    network.click("a[href$='/chats/new/']")
    network.fill("[name=name]", "新品通知群")
    network.check("[name=joins_space]")
    network.click("main form .btn-primary")
    chat = network.url
    network.click("form[action$='/link/'] button")
    link = network.locator("#link").input_value()

    phone.goto(link)
    expect(phone.locator("main")).to_contain_text("新品通知群")
    answer(phone, company="车间小林", name="林涛", phone="13900005678")
    expect(phone.locator(".empty-title")).to_have_text("您已加入")
    network.goto(chat)
    expect(network.locator("tbody tr", has_text="林涛")).to_contain_text("车间小林")
