"""Every template: nothing that the content security policy would block, no text that cannot be translated."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
OURS = [path for path in TEMPLATES if "platform" not in path.parts and "admin" not in path.parts]
FORBIDDEN = {
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", re.I),
    "an inline style": re.compile(r"<style|\sstyle\s*=", re.I),
    "an event attribute": re.compile(r"\son[a-z]+\s*=|hx-on|javascript:", re.I),
    "htmx that evaluates": re.compile(r"hx-(vals|headers)\s*=\s*['\"]js:|hx-trigger=\"[^\"]*\[", re.I),
    "another host": re.compile(r"(src|href|action|srcset)=\"(https?:)?//", re.I),
    "a filter that switches escaping off": re.compile(r"\|\s*safe\b|autoescape off"),
    "a comment that reaches the browser": re.compile(r"<!--"),
}
SAFE_HERE = {"console/components/field.html"}  # help texts are written by us
TAGS = re.compile(r"{%\s*comment.*?{%\s*endcomment\s*%}|{#.*?#}|{%.*?%}|{{.*?}}", re.S)
TRANSLATED = re.compile(r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}", re.S)
# Names and words that are the same in every language.
NAMES = re.compile(
    r"\b(SCRM|Ctrl|Enter|Esc|Shift|CSV|Excel|XLSX|API|URL|ID|WeCom|https?|Bearer|JSON|UTF|GB|TOTP|CNY|SVG|PNG)\b|&[a-z]+;|&#\d+;"
)


def name(path: Path) -> str:
    return path.relative_to(Path(settings.BASE_DIR) / "templates").as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_template_compiles(path):
    get_template(name(path))


@pytest.mark.parametrize("path", OURS, ids=name)
def test_template_is_fit_for_the_strict_policy(path):
    source = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", path.read_text(), flags=re.S)
    markup = TAGS.sub("", source)
    for what, pattern in FORBIDDEN.items():
        if what.startswith("a filter") and name(path) in SAFE_HERE:
            continue
        if what == "an inline style" and name(path).startswith("mail/"):
            continue  # mail programs know no style sheets, and no page of ours has it
        found = pattern.search(markup if what == "an event attribute" else source)
        assert not found, f"{name(path)} has {what}: {found[0]!r}"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_template_texts_can_be_translated(path):
    source = re.sub(r"{%\s*block body_class\s*%}.*?{%\s*endblock", "{% endblock", path.read_text())
    source = TAGS.sub(" ", TRANSLATED.sub(" ", source))
    source = re.sub(r"<(kbd|code|script|style)\b.*?</\1>", " ", source, flags=re.S)
    attributes = re.findall(r"\b(?:title|placeholder|aria-label|alt|data-label)\s*=\s*\"([^\"]*)\"", source)
    texts = [*re.sub(r"<[^>]*>", "\n", source).splitlines(), *attributes]
    left = [text.strip() for text in texts if re.search(r"[A-Za-z]{2}|[\u4e00-\u9fff]", NAMES.sub("", text))]
    assert not left, f"{name(path)} says without translation: {left}"
