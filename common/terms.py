"""What a text can be found by: its terms, and what somebody's words ask of them (C11).

Texts are read in *units*: a Chinese character (with its readings), a word, a number, an emoji. From units come terms:

* a character with the next one, or with the number behind it: 王小明 has 王小, 小明, 明; 店12 has 店12; "小" finds what
  begins with it, "小明" is one;
* a reading, a word or a number: wang, xiao, ming; "wa" finds what begins with it;
* the initials of neighbours, and behind a syllable what the next one is called: -wx, -xm, -wang-xiao, -xiao-ming.

So two characters, two letters, two initials or two syllables are one look-up in an inverted index. Terms stand behind a
short mark of the enterprise, so that an index over all enterprises is read only where it is the enterprise's own.
"""

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from common.pinyin import BEGINNINGS, SYLLABLES, readings

# Scripts without spaces between words, behind which a Chinese character is read alone.
_ALONE = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f\U00020000-\U0003ffff]"
)
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{4,24}")
_ABROAD = re.compile(r"^(\+|00)?86(?=1\d{10}$)")
LONGEST_WORD = 64
LONGEST_PINYIN = 24
SHORTEST_PHONE = 3  # digits: two are the beginning of half of all numbers
MOST_WAYS = 8
MOST_WORDS = 8
LONGEST_SYLLABLE = max(map(len, SYLLABLES))
SHORT = 4  # letters: at most seven ways
INITIALS = frozenset({one[0] for one in SYLLABLES} | {"zh", "ch", "sh"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a text. `names`: what it is called: readings of a character, or the word itself."""

    text: str
    alone: bool
    names: tuple[str, ...]
    initials: tuple[str, ...]

    @property
    def is_number(self) -> bool:
        return not self.alone and self.text[0].isnumeric()


def mark(enterprise_id: UUID) -> str:
    """What the enterprise's terms begin with. Two enterprises with the same one cost each other a look, no more."""
    return base64.urlsafe_b64encode(enterprise_id.bytes[-3:]).decode()


def plain_phone(phone: str) -> str:
    """The digits of a phone number; a Chinese mobile without its country."""
    return _ABROAD.sub("", re.sub(r"[^0-9+]", "", phone)).lstrip("+")


@lru_cache(4096)
def units(text: str) -> tuple[Unit, ...]:
    """The text in pieces; case, width, accents and punctuation do not count."""
    found: list[Unit] = []
    run, run_kind = "", ""
    for character in unicodedata.normalize("NFKC", text).casefold():
        kind = _kind(character)
        if run and kind == run_kind:
            run += character
        elif kind != "mark":
            if run:
                found.append(_word(run))
            run, run_kind = "", ""
            if isinstance(kind, Unit):
                found.append(kind)
            elif kind:
                run, run_kind = character, kind
    if run:
        found.append(_word(run))
    return tuple(found)


@cache
def _kind(character: str) -> Unit | str:
    """A character that stands alone, or what a run of it makes: a word, a number; nothing; or a mark on another."""
    category = unicodedata.category(character)
    if category == "So" or (category[0] in "LN" and _ALONE.match(character)):
        names = readings(character)
        return Unit(character, True, names, tuple(dict.fromkeys(name[0] for name in names)))
    if category[0] == "M":
        return "mark"
    if category[0] == "L":
        return "word"
    return "number" if category[0] == "N" else ""


def _word(run: str) -> Unit:
    bare = "".join(one for one in unicodedata.normalize("NFKD", run) if unicodedata.category(one)[0] != "M")
    word = (bare or run)[:LONGEST_WORD]
    return Unit(word, False, (word,), (word[0],))


def terms(texts: Iterable[str], phones: Iterable[str] = ()) -> set[str]:
    """All that these texts and phone numbers can be found by, without the enterprise's mark."""
    found: set[str] = set()
    for text in texts:
        if not text:
            continue
        before = None
        for piece in units(text):
            found.update(piece.names)
            if before is not None:
                found.update(_neighbours(before, piece))
                found.update(_syllables(before, piece))
                if before.alone:
                    found.add(before.text + piece.text if piece.alone or piece.is_number else before.text)
            before = piece
        if before is not None and before.alone:
            found.add(before.text)
    for phone in phones:
        digits = plain_phone(phone)
        # A number is remembered by its beginning, or by its last eight or four digits.
        found.update("#" + part for part in (digits, digits[-8:], digits[-4:]) if part)
    return found


@lru_cache(16_384)
def _neighbours(one: Unit, two: Unit) -> tuple[str, ...]:
    return tuple(f"-{a}{b}" for a in one.initials for b in two.initials)


@lru_cache(16_384)
def _syllables(one: Unit, two: Unit) -> tuple[str, ...]:
    """Nobody can ask for more of a long word than a syllable has letters, nor for what is no syllable."""
    heads = [name for name in one.names if _is_syllable(name)]
    tails = [name[:LONGEST_SYLLABLE] for name in two.names if name[0] in BEGINNINGS]
    return tuple(f"-{a}-{b}" for a in heads for b in tails)


def _is_syllable(part: str) -> bool:
    """A single letter, of which some are syllables, is meant as an initial."""
    return len(part) > 1 and part in SYLLABLES


# --- What is asked ----------------------------------------------------------------------------------------


class Question(NamedTuple):
    """What a text asks of terms: two tsqueries, "" when there is nothing to ask.

    `wanted` is the question. `sought` leaves out what an index answers slowly and a look at a row quickly: it finds all
    that `wanted` finds, and hardly more.
    """

    sought: str
    wanted: str


def question(text: str, enterprise_id: UUID, *, phones: bool = True) -> Question:
    """What `text` asks of terms. All words must be found, in any order.

    `phones`: may people be found by their phone number?
    """
    text = text.strip()
    if _PHONE.fullmatch(text):
        text = plain_phone(text)
    words = [units(word) for word in text.split()[:MOST_WORDS]]
    own = mark(enterprise_id)
    return Question(*(_Asked(own, phones, whole).words(words) for whole in (False, True)))


@dataclass(frozen=True)
class _Asked:
    """Writes the question. Terms hold letters, digits and symbols only: nothing in them can end a quotation."""

    mark: str
    phones: bool
    whole: bool

    def words(self, words: Sequence[Sequence[Unit]]) -> str:
        if not self.whole:
            # Very many have a word that begins so, few of them the longer ones as well.
            words = [word for word in words if len(word) > 1] or words
        return " & ".join(dict.fromkeys(filter(None, map(self.word, words))))

    def word(self, pieces: Sequence[Unit]) -> str:
        """One word: all of its units; of units that stand together also that, as far as terms tell."""
        wanted: list[str] = []
        for number, piece in enumerate(pieces):
            before = pieces[number - 1] if number else None
            after = pieces[number + 1] if number + 1 < len(pieces) else None
            pair = before is not None and before.alone and piece.alone
            near = _next_to(before, piece) if before and not pair and not piece.is_number else ()
            if piece.alone and after and after.alone:
                wanted.append(self.term(piece.text + after.text))
            elif piece.alone and not pair:
                wanted.append(self.beginning(piece.text))
            elif piece.is_number:
                behind = before.text if before and before.alone else ""
                phone = self.phones and len(piece.text) >= SHORTEST_PHONE
                wanted.append(_any([self.beginning(sign + piece.text) for sign in (behind, "#")[: 1 + phone]]))
            elif not piece.alone and not (near and len(piece.text) == 1):
                wanted.append(_any([_all(way) for way in self.ways(piece.text)]))
            wanted.append(_any([self.term(term) for term in near]))
        return _all(wanted)

    def ways(self, word: str) -> Iterator[list[str]]:
        """The ways to read letters: as the beginning of a word or a reading, or as several readings in a row."""
        yield [self.beginning(word)]
        for way in rows_of_syllables(word):
            end = len(way) - 2
            yield [self.pair(*pair, last=number == end) for number, pair in enumerate(pairwise(way))]

    def pair(self, one: str, two: str, *, last: bool) -> str:
        """Two readings in a row, the first one whole or its initial; the last of all may be begun only."""
        if _is_syllable(one):
            both = f"-{one}-{two}"
            return self.term(both) if _is_syllable(two) and not last else self.beginning(both)
        begun = self.beginning(one) if len(one) > 1 else ""
        # Very many begin with a syllable, few of them stand behind this initial.
        rest = self.beginning(two) if self.whole and last and len(two) > 1 else ""
        return _all([begun, rest, self.term(f"-{one[0]}{two[0]}")])

    def term(self, term: str) -> str:
        return f"'{self.mark}{term}'"

    def beginning(self, term: str) -> str:
        return f"'{self.mark}{term}':*"


def _next_to(before: Unit, piece: Unit) -> tuple[str, ...]:
    """Neighbours as somebody means them: of letters that are several syllables the last one stands next to `piece`."""
    if before.alone:
        return _neighbours(before, piece)
    ends = dict.fromkeys((*before.initials, *(way[-1][0] for way in rows_of_syllables(before.text))))
    return tuple(f"-{end}{initial}" for end in ends for initial in piece.initials)


def rows_of_syllables(word: str) -> list[tuple[str, ...]]:
    """The ways to split letters into two or more syllables: wangxm, wxm, xiaoming.

    Each but the last is a whole syllable, its initial, or zh, ch, sh; the last may be any beginning. Of all ways
    only those of fewest parts, which is what people mean, but of short words all: each way costs time.
    """
    if not 2 <= len(word) <= LONGEST_PINYIN:
        return []
    found: list[tuple[str, ...]] = []
    # Each round lengthens every way by one part.
    begun: list[tuple[str, ...]] = [()]
    while begun and (not found or len(word) <= SHORT):
        longer: list[tuple[str, ...]] = []
        for way in begun[:MOST_WAYS]:
            start = sum(map(len, way))
            for end in range(min(len(word), start + LONGEST_SYLLABLE), start, -1):
                part = word[start:end]
                if end < len(word) and (part in SYLLABLES or part in INITIALS):
                    longer.append((*way, part))
                elif end == len(word) and way and part in BEGINNINGS:
                    found.append((*way, part))
        begun = longer
    return found[:MOST_WAYS]


def _all(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(filter(None, parts)))
    return f"({' & '.join(parts)})" if len(parts) > 1 else "".join(parts)


def _any(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(filter(None, parts)))
    return f"({' | '.join(parts)})" if len(parts) > 1 else "".join(parts)


# --- How well it fits -------------------------------------------------------------------------------------

INSIDE = 2


def distance(text: str, names: Iterable[str]) -> int:
    """How far `text` is from being one of the names, as written, in pinyin or in initials.

    0: it is one; 1: one begins with it; INSIDE: one has it inside; 3: its parts were found in some other way.
    """
    wanted = _joined(text)
    spelled = [way for name in names if name for way in _spelled(name)]
    fits = (wanted.__eq__, lambda way: way.startswith(wanted), lambda way: wanted in way)
    return next((step for step, fit in enumerate(fits) if any(map(fit, spelled))), len(fits))


def _joined(text: str) -> str:
    return "".join(unit.text for unit in units(text))


@lru_cache(4096)
def _spelled(name: str) -> tuple[str, ...]:
    """The ways to write a name. Of characters with several readings, every one with the first ones of the others."""
    pieces = units(name)
    ways = [_joined(name)]
    for length in (None, 1):
        first = [(unit.names or (unit.text,))[0][:length] for unit in pieces]
        ways.append("".join(first))
        for number, unit in enumerate(pieces):
            ways.extend("".join([*first[:number], other[:length], *first[number + 1 :]]) for other in unit.names[1:])
    return tuple(ways)
