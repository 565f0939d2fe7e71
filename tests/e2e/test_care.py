"""C4, C13, C14: members write follow-ups, tags are kept in order, and losses are looked at."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds until a job that a worker has to fetch is done


@pytest.fixture(scope="module")
def care(product):
    """The enterprise, made once."""
    return product.run("care")


def test_c14_a_follow_up_is_written_with_a_file_and_what_is_overdue_is_done(login, care):
    page = login()
    base = f"/e/{care['code']}"
    page.goto(f"{base}/contacts/{care['contacts'][1]}/")
    page.click(f"a[href$='/contacts/{care['contacts'][1]}/follow-up/']")
    page.select_option("#id_kind", "visit")
    page.fill("#id_text", "到店试用了精华")
    tomorrow = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1, hours=1)
    page.fill("#id_next_at", f"{tomorrow:%Y-%m-%dT%H:%M}")
    page.set_input_files("#id_file", {"name": "护理方案.txt", "mimeType": "text/plain", "buffer": "晨：精华".encode()})
    page.click("main form .btn-primary")
    expect(page.locator(".follow-up")).to_contain_text("到店试用了精华")
    with page.expect_download() as fetched:
        page.click(".follow-up .files a")
    assert fetched.value.suggested_filename == "护理方案.txt"

    page.goto(f"{base}/follow-ups/")
    figures = page.locator(".figure-card b")
    expect(figures).to_have_text(["1", "0", "1"])
    page.click("a[href*='state=overdue']")
    expect(page.locator(".follow-up.is-overdue")).to_contain_text("寄了小样")
    page.click(".follow-up button[value=done]")
    expect(figures).to_have_text(["0", "0", "1"])
    expect(page.locator(".follow-up")).to_have_count(0)


def test_c14_a_file_that_is_not_what_it_says_is_refused_and_the_text_is_kept(login, care):
    page = login()
    page.goto(f"/e/{care['code']}/contacts/{care['contacts'][1]}/follow-up/")
    page.fill("#id_text", "附上报价")
    page.set_input_files("#id_file", {"name": "报价.pdf", "mimeType": "application/pdf", "buffer": b"MZ\x90 no pdf"})
    page.expected.add(415)
    page.click("main form .btn-primary")
    expect(page.locator("#id_text")).to_have_value("附上报价")
    expect(page.locator(".invalid-feedback, .alert-danger").first).to_be_visible()


def test_c13_a_rule_is_tried_saved_and_a_tag_merged(login, care):
    page = login()
    base = f"/e/{care['code']}/tags"
    page.goto(f"{base}/rules/new/")
    page.fill("#id_name", "久未联系")
    page.check("input[name=effect][value=keep]")
    page.select_option("#id_tag", label="高")
    page.check("#id_active")
    page.fill("#id_known_days", "160")
    page.click("button[value=try]")
    cards = page.locator("section.card")
    expect(cards.nth(0).locator(".figure-card b")).to_have_text(["2", "2"])  # the lost ones are nobody's to tag
    expect(cards.nth(1)).to_contain_text("客户")
    expect(cards.nth(1).locator(".figure-card b")).to_have_text(["0", "2", "0"])
    expect(page.locator("[data-chart=history-chart] canvas")).to_be_visible()
    page.click("button[value=save]")
    page.wait_for_url(re.compile(r"/tags/rules/$"))
    page.click("a:has-text('久未联系')")
    page.click("button[value=apply]")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)

    page.goto(f"{base}/report/")
    page.select_option("#merge-tag", label="很高")
    page.select_option("#merge-into", label="高")
    page.click("form[method=get] .btn")
    expect(page.locator(".figure-card b")).to_have_text(["1", "1", "0", "0"])
    expect(page.locator("button[value=merge]")).to_be_disabled()
    page.fill("#count", "1")
    page.click("button[value=merge]")
    expect(page.locator("[data-job=done]")).to_be_visible(timeout=PATIENCE)
    page.goto(f"/e/{care['code']}/contacts/{care['contacts'][0]}/")
    expect(page.locator("main .badge.tone-red", has_text="高").first).to_have_text("高")


def test_c4_losses_are_counted_and_warned_of_before_the_fact(login, care):
    page = login()
    page.goto(f"/e/{care['code']}/losses/")
    expect(page.locator(".figure-card b").first).to_have_text("2")
    expect(page.locator("[data-chart=losses-chart] canvas")).to_be_visible()
    expect(page.locator("tbody tr[data-href]")).to_have_count(2)
    page.select_option("#f-by", "contact")
    page.click(".filters .btn-primary")
    expect(page.locator("tbody tr[data-href]")).to_have_count(1)
    expect(page.locator("tbody tr[data-href]")).to_contain_text("客户丙")
    page.click("a[href$='/losses/ahead/']")
    expect(page.locator(".figure-card.is-chosen b")).to_contain_text("2")
    expect(page.locator("tbody tr")).to_have_count(2)
