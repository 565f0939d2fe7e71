"""`make messages`: collect the texts of Python files and templates into the catalogues, without GNU gettext.

Texts keep their translation; new ones come in empty, gone ones go. Written sorted, without line numbers, so
that two branches which add texts seldom meet on one line.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.plurals import get_plural
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

# Name of the call → which arguments are the text, the plural and (marked "c") the context, as Babel counts.
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
SKIPPED = {"node_modules", "staticfiles", "var", "tests", "benchmarks", "locale", "docs"}
Key = tuple[str | None, str, str]  # context, text, plural


class Command(BaseCommand):
    help = "Collects translatable texts into locale/*/LC_MESSAGES/django.po."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when something is missing")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = collect(settings.BASE_DIR)
        faults = []
        for language, _ in settings.LANGUAGES:
            if language == "en":
                continue  # the language that the texts are written in
            path = Path(settings.LOCALE_PATHS[0]) / to_locale(language) / "LC_MESSAGES" / "django.po"
            old = polib.pofile(str(path)) if path.exists() else _new(language)
            new = renew(old, texts)
            empty = [entry.msgid for entry in new if not entry.translated()]
            if options["check"]:
                faults += [f"{path}: no translation of {text!r}" for text in empty]
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                new.save(str(path))
                self.stdout.write(f"{path}: {len(new)} texts, {len(empty)} without translation")
        if faults:
            raise CommandError("\n".join(faults))


def collect(root: Path) -> dict[Key, set[str]]:
    """Every translatable text under ``root``, with its flags (``python-format``)."""
    catalog = Catalog()
    for path in sorted(_sources(root)):
        source = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            source = templatize(source, origin=str(path))
        for _, name, message, _ in extract_python(io.BytesIO(source.encode()), KEYWORDS, [], {}):
            _add(catalog, KEYWORDS[str(name)], message)
    found: dict[Key, set[str]] = {}
    for entry in catalog:
        if entry.id:
            text, plural = (entry.id, "") if isinstance(entry.id, str) else entry.id
            found[entry.context, text, plural] = {flag for flag in entry.flags if flag == "python-format"}
    return found


def _sources(root: Path) -> Iterator[Path]:
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in SKIPPED:
            for suffix in ("py", "html", "txt"):
                yield from folder.rglob(f"*.{suffix}")


def _add(catalog: Catalog, places: Any, message: Any) -> None:
    arguments = message if isinstance(message, tuple) else (message,)
    context = None
    wanted = []
    for place in places or (1,):
        index = place[0] if isinstance(place, tuple) else place
        value = arguments[index - 1] if index <= len(arguments) else None
        if not isinstance(value, str):
            return  # a variable, not a text
        if isinstance(place, tuple):
            context = value
        else:
            wanted.append(value)
    catalog.add(wanted[0] if len(wanted) == 1 else tuple(wanted), context=context)


def renew(old: polib.POFile, texts: dict[Key, set[str]]) -> polib.POFile:
    """A catalogue of exactly ``texts`` with the translations of ``old``."""
    known: dict[Key, polib.POEntry] = {}
    for entry in old:
        key = (entry.msgctxt, entry.msgid, entry.msgid_plural or "")
        if key not in known or not known[key].translated():  # a merge may have left a text twice
            known[key] = entry
    new = polib.POFile(wrapwidth=110)
    new.metadata = old.metadata
    new.header = old.header
    for key in sorted(texts, key=lambda key: (key[1].lower(), key[1], key[0] or "", key[2])):
        entry = known.get(key) or _empty(key)
        entry.flags = sorted((set(entry.flags) - {"python-format"}) | texts[key])
        entry.occurrences = []
        new.append(entry)
    return new


def _new(language: str) -> polib.POFile:
    file = polib.POFile()
    file.metadata = {
        "Language": to_locale(language),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": get_plural(to_locale(language)).plural_forms,
    }
    return file


def _empty(key: Key) -> polib.POEntry:
    context, text, plural = key
    if plural:
        return polib.POEntry(msgctxt=context, msgid=text, msgid_plural=plural, msgstr_plural={0: ""})
    return polib.POEntry(msgctxt=context, msgid=text)
