"""O4: no page leads anybody to one that they may not open: what a menu, a button or a row offers can be had."""

import re
from html import unescape

import pytest
from django.test import Client

from tests.permissions.world import rolled_back

HREF = re.compile(r'<a\b[^>]*?\bhref="(/[^"#]*)')
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
HOLLOW = {"report", "undo"}  # of the world's job, which is a row that did nothing
SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)


def page_of(client: Client, address: str) -> tuple[int, set[str]]:
    """The status of a page, and the addresses that it links to."""
    with rolled_back():
        answer = client.get(address)
        html = "html" in answer.get("Content-Type", "") and not answer.streaming
        text = SCRIPTS.sub("", answer.content.decode()) if html else ""
    return answer.status_code, {unescape(one) for one in HREF.findall(text)}


@pytest.mark.parametrize("who", ["viewer", "staff", "graded_in", "admin"])
def test_o4_every_link_can_be_followed(worlds, who):
    """From the home page on; of pages that differ by an id only, the first that is met."""
    ours, _theirs = worlds
    client = ours.people[who].console
    client.cookies["language"] = "en"
    home = f"/e/{ours.enterprise.code}/"
    waiting, met, dead = [(home, "")], set(), []
    while waiting:
        address, source = waiting.pop(0)
        kind = ID.sub("ID", address.partition("?")[0])
        hollow = "/jobs/" in kind and kind.rstrip("/").rpartition("/")[2] in HOLLOW
        if kind in met or hollow or address.startswith("/static/"):
            continue
        met.add(kind)
        status, links = page_of(client, address)
        if status >= 400:
            dead.append((status, address, source))
        waiting += [(link, address) for link in sorted(links)]
    assert not dead, "\n".join(map(str, dead))
    assert len(met) > 40  # it did walk
