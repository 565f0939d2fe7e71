"""X5: every text of the product has its Chinese, with the same placeholders; English is the text itself."""

import re

import polib
from django.core.management import call_command

from tests.services import ROOT

CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|(?<!\{)\{\w+\}(?!\})")


def test_x5_every_text_of_code_and_templates_is_translated():
    call_command("messages", check=True)


def test_x5_a_translation_has_the_placeholders_of_its_text():
    for entry in polib.pofile(str(CATALOGUE)):
        texts = [entry.msgstr] if not entry.msgid_plural else list(entry.msgstr_plural.values())
        known = set(PLACEHOLDER.findall(entry.msgid + entry.msgid_plural))
        for text in texts:
            assert text and set(PLACEHOLDER.findall(text)) <= known, entry.msgid
