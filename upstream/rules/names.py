"""Names: when two are the same (U2), which free ones to propose, and by what words somebody is found (U5)."""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, count

from common.pinyin import readings

LONGEST = 64
_PHONE_NOISE = re.compile(r"[\s()\-.]")


def tidy(name: str) -> str:
    """As it is kept and shown: no space at the ends, single ones inside."""
    return " ".join(name.split())


def key(name: str) -> str:
    """What two names that are the same have in common: case, width, spaces and invisible characters do not count."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(one for one in folded if not one.isspace() and unicodedata.category(one) not in ("Cf", "Cc"))


def digest(name: str) -> str:
    """The key of a space's name as the installation keeps it: comparable, but telling nobody the name."""
    return sha256(key(name).encode()).hexdigest()


def proposals(name: str, enterprise: str) -> Iterator[str]:
    """Names close to `name` that may be free, the most natural first; never ends."""
    first = (f"{enterprise} {name}", f"{name} ({enterprise})")
    numbered = (f"{base} {number}" for number in count(2) for base in (name, f"{enterprise} {name}"))
    seen = {key(name)}
    for candidate in chain(first, numbered):
        shown = tidy(candidate)
        if len(shown) <= LONGEST and key(shown) not in seen:
            seen.add(key(shown))
            yield shown


def spellings(*names: str) -> str:
    """Everything that names are found by, a line each: as written, in pinyin, by initials; without spaces and case."""
    lines: dict[str, None] = {}
    for name in names:
        if plain := key(name):
            lines[plain] = None
            lines.update(dict.fromkeys(_read(plain)))
    return "\n".join(lines)


def pinyin(name: str) -> tuple[str, str]:
    """A person's name in pinyin, and its initials: 王小明 → wangxiaoming, wxm."""
    full, initials, *_others = _read(key(name))
    return full, initials


def _read(plain: str) -> list[str]:
    """A name read aloud, and its initials; of characters with several readings, each with the first of the others."""
    choices = [readings(one) or (one,) for one in plain]
    first = [choice[0] for choice in choices]
    ways = [first]
    for place, choice in enumerate(choices):
        ways += [[*first[:place], other, *first[place + 1 :]] for other in choice[1:]]
    return [text for way in ways for text in ("".join(way), "".join(one[:1] for one in way))]


def phone(text: str) -> str:
    """A phone number as it is compared: digits, without the country code of China; empty for none."""
    digits = _PHONE_NOISE.sub("", unicodedata.normalize("NFKC", text))
    digits = re.sub(r"^(\+|00)86(?=1\d{10}$)", "", digits)
    return re.sub(r"^86(?=1\d{10}$)", "", digits)
