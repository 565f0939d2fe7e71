"""The main job from beginning to end, as an operator does it (issue: real customers in, the scale guarded,
places freed): import more than fits, buy, import the rest, archive the low-value ones, undo."""

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

PLACES = 200  # the free scale of this enterprise, by its policy (tests/e2e/seed.py)
CONTACTS = 230


def customers(path: Path) -> Path:
    """More customers than there are free places, with Chinese headers."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["客户ID", "姓名", "公司", "添加时间"])
        rows.writerows([f"wm{n:05}", f"客户{n}", "=1+1" if n == 7 else "", "2026-01-05 10:00"] for n in range(CONTACTS))
    return path


def upload(page: Page, root: str, file: Path) -> None:
    """Through the wizard: choose the file, look at the guess, start."""
    page.goto(f"{root}imports/")
    page.set_input_files("[name=file]", file)
    page.click("main form button.btn-primary")
    expect(page.locator("[name=column_external_userid]")).to_have_value("客户ID")
    expect(page.locator("main table")).to_contain_text("客户0")
    page.check("[name=on_full][value=partial]")
    page.click("main form button.btn-primary")
    done(page)


def done(page: Page) -> None:
    """The page of the job renews itself until the job has ended."""
    page.wait_for_url("**/jobs/**")
    expect(page.locator("#job .job-progress-text")).to_contain_text("已完成", timeout=120_000)


def served(page: Page, root: str) -> str:
    page.goto(root)
    return " ".join(page.locator(".meter").inner_text().removeprefix("规模").split())


def test_x5_main_job(page: Page, product, login, tmp_path) -> None:
    login()
    page.expected |= {286}
    root = f"/e/{product.data['job']}/"
    file = customers(tmp_path / "客户.csv")

    # Exactly as many as there are places get in; the report says why the others did not.
    upload(page, root, file)
    with page.expect_download() as download:
        page.click("#job a[href*=report]")
    report = list(csv.reader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert len(report) == 1 + CONTACTS - PLACES
    assert {row[1] for row in report[1:]} == {"quota_exceeded"}
    assert served(page, root) == "200 / 200"

    # A package is recorded, and the same file brings in the rest and nothing twice.
    page.goto(f"{root}scale/packages/")
    page.click("[data-dialog='#buy-purchase-5000']")
    page.click("#buy-purchase-5000 button.btn-primary")
    expect(page.locator("main")).to_contain_text("5,000")
    upload(page, root, file)
    assert served(page, root) == "230 / 5,000"

    # Everybody who bought nothing is archived in one batch ...
    page.goto(f"{root}contacts/?grade=low&status=active")
    expect(page.locator("#results tbody tr")).to_have_count(50)
    page.check("[data-pick-all]")
    page.click("[data-bulk-everything]")
    page.locator(".bulk-actions button[formaction*=archive]").click()
    expect(page.locator("main")).to_contain_text("230")
    page.locator("main form[method=post] button.btn-primary").click()
    done(page)
    assert served(page, root) == "0 / 5,000"

    # ... and comes back by undo.
    page.goto(f"{root}jobs/")
    page.locator("main tbody tr a").first.click()
    page.click("#job a[href*=undo]")
    page.locator("main form[method=post] button.btn-primary").click()
    done(page)
    assert served(page, root) == "230 / 5,000"

    # What was typed like a formula is a text, and a person is found by the id.
    page.goto(f"{root}contacts/?search=wm00007")
    page.locator("#results tbody tr", has_text="=1+1").first.locator("a").first.click()
    expect(page.locator("main")).to_contain_text("=1+1")
    page.set_viewport_size({"width": 375, "height": 812})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
