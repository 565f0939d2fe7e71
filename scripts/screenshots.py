"""Pictures of a running instance: python scripts/screenshots.py ADDRESS E-MAIL PASSWORD FOLDER PATH…

Each PATH (below the address) is taken in Chinese light and dark, English, and on a phone of 375 px.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

LOOKS = {  # name → theme, language, width
    "light": ("light", "zh-hans", 1440),
    "dark": ("dark", "zh-hans", 1440),
    "english": ("light", "en", 1440),
    "phone": ("light", "zh-hans", 375),
}


def main(address: str, email: str, password: str, folder: str, *paths: str) -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(base_url=address)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and print(message.text, message.location.get("url")))
        page.on("pageerror", lambda error: print(error))
        page.goto("/account/login/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", password)
        page.click("main button[type=submit]")
        page.wait_for_url(lambda url: "/account/login/" not in url)
        for look, (theme, language, width) in LOOKS.items():
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": address}
                    for name, value in (("theme", theme), ("language", language))
                ]
            )
            page.set_viewport_size({"width": width, "height": 812 if width < 500 else 900})
            for path in paths:
                page.goto(path)
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(400)  # charts draw themselves in
                name = path.split("?")[0].strip("/").replace("/", "-") or "start"
                page.screenshot(path=out / f"{name}-{look}.png", full_page=True)
                if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                    print(f"{path} ({look}): {wide} px wide")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
