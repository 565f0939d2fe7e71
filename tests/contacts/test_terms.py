"""common.terms and common.pinyin: what a text is found by (C11). Pure; an index is played with sets."""

import re
import unicodedata
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common import pinyin
from common.terms import distance, mark, plain_phone, question, rows_of_syllables, terms

ENTERPRISE = UUID("01920000-0000-7000-8000-00000000abcd")


def holds(asked: str, having: set[str]) -> bool:
    """A tsquery without a database: literals become look-ups, and Python reads the rest as it stands."""
    if not asked:
        return False
    own = {mark(ENTERPRISE) + term for term in having}

    def look_up(literal: re.Match[str]) -> str:
        lexeme, begins = literal[1], literal[2]
        return str(any(term.startswith(lexeme) for term in own) if begins else lexeme in own)

    words = re.sub(r"'([^']*)'(:\*)?", look_up, asked)
    assert re.fullmatch(r"[TrueFals&|() ]+", words), asked
    return bool(eval(words))


def finds(text: str, *texts: str, phones: tuple[str, ...] = (), see_phones: bool = True) -> bool:
    asked = question(text, ENTERPRISE, phones=see_phones)
    having = terms(texts, phones)
    found = holds(asked.wanted, having)
    assert holds(asked.sought, having) >= found, "the index is never asked for more than is wanted"
    return found


@pytest.mark.parametrize(
    "text",
    [
        "王小明", "王小", "小明", "王", "明", "wangxiaoming", "wang xiao ming", "wxm", "wx", "xm", "wangxm", "wang xm",
        "wxiaoming", "wxming", "xiaom", "xiaoming", "王xm", "王xiaoming", "小m", "小明 华", "hua xm", "WXM", "ｗｘｍ",
        "华为", "hw", "huawei", "huaw", "jishu", "js", "wa", "小明 华为 wxm",
    ],
)  # fmt: skip
def test_c11_a_person_is_found_by_characters_pinyin_initials_and_mixtures(text):
    assert finds(text, "王小明", "", "华为技术")


@pytest.mark.parametrize("text", ["李", "小王", "明王", "wxl", "wangl", "小明 李", "zxm", "yu", "王m", "%", "''", "·"])
def test_c11_others_are_not(text):
    assert not finds(text, "王小明", "", "华为技术")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shan", "单雄信"), ("dan", "单雄信"), ("sxx", "单雄信"), ("zeng", "曾国藩"), ("zgf", "曾国藩"),
        ("qiu", "仇英"), ("qy", "仇英"), ("xie", "解缙"), ("xj", "解缙"), ("zha", "查良镛"), ("ou", "区桃"),
        ("piao", "朴树"), ("yue", "乐嘉"), ("lv", "吕布"), ("lu", "吕布"), ("lyu", "吕布"), ("ge", "盖聂"),
        ("zhai", "翟天"), ("qin", "覃辉"), ("tan", "覃辉"), ("lu", "陸遜"), ("dt", "石头"), ("chong", "重庆"),
    ],
)  # fmt: skip
def test_c11_characters_of_several_readings_are_found_by_each(text, name):
    assert finds(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tom", "Tom Hanks"), ("HAN", "Tom Hanks"), ("th", "Tom Hanks"), ("jose", "José García"),
        ("garcía", "Jose Garcia"), ("مح", "محمد علي"), ("علي محمد", "محمد علي"), ("🎉", "小🎉明"),
        ("小🎉", "小🎉明"), ("𠮷野", "𠮷野家"),
        ("ドコ", "株式会社ドコモ"), ("ABC123", "ABC123店"), ("3m", "3M中国"), ("m中", "3M中国"),
        ("100", "100%_"), ("a-b", "A B"), ("김", "김철수"),
    ],
)  # fmt: skip
def test_c11_every_script_and_emoji_is_found_as_it_is_written(text, name):
    assert finds(text, name)


@pytest.mark.parametrize(
    "text",
    ["13812345678", "1381", "138 1234 5678", "138-1234", "+86 138 1234 5678", "12345678", "5678", "8613812345678"],
)
def test_c11_phones_are_found_by_their_beginning_and_last_digits(text):
    assert finds(text, "王", phones=("+86 13812345678",))


def test_c11_two_digits_are_no_phone_number():
    """Half of all numbers begin with 13: that finds what is written so, and three digits find numbers."""
    assert not finds("13", "王", phones=("13812345678",)) and finds("138", "王", phones=("13812345678",))
    assert finds("王13", "王13号") and not finds("王13", "王", phones=("13812345678",))


def test_c11_the_index_is_not_asked_what_a_look_at_the_row_answers():
    asked = question("wxiao", ENTERPRISE)
    own = mark(ENTERPRISE)
    assert f"'{own}xiao':*" in asked.wanted and f"'{own}xiao':*" not in asked.sought
    for whole in ("wangxiao", "wangxm", "王小"):
        assert question(whole, ENTERPRISE).sought == question(whole, ENTERPRISE).wanted
    assert question("wangxiao", ENTERPRISE).wanted == f"('{own}wangxiao':* | '{own}-wang-xiao':*)"
    beside = question("王 小明 wang", ENTERPRISE)
    assert beside.sought == f"'{own}小明'" and f"'{own}王':* & " in beside.wanted and f"'{own}wang':*" in beside.wanted
    assert question("王 12", ENTERPRISE).sought == question("王 12", ENTERPRISE).wanted, "nothing would be left"
    assert f"'{own}-wx'" in asked.sought


def test_c11_a_number_behind_a_character_is_sought_together_with_it():
    assert all(finds(text, "王商贸12号") for text in ("商贸1", "商贸12", "贸12", "12", "12号", "王 12", "贸"))
    assert not finds("商贸12", "商贸公司", "12号店") and not finds("商贸2", "商贸12")
    assert finds("王138", "王", phones=("13812345678",)) and not finds("王139", "王", phones=("13812345678",))


def test_c11_syllables_are_neighbours_when_they_are_typed_as_one_word():
    assert all(
        finds(text, "王伟小明") for text in ("wangw", "wangwei", "weixiao", "weixiaom", "weixm", "wxiaom", "wwxm")
    )
    assert finds("wei wang", "王伟小明")
    assert not finds("weiwang", "王伟小明") and not finds("wangxiao", "王伟小明") and not finds("xiaowang", "王小小明")
    assert finds("wangwei", "Wang Weiland") and finds("lia", "Li Anna")


def test_c11_phones_find_nobody_for_those_who_may_not_see_them():
    assert not finds("13812345678", "王", phones=("13812345678",), see_phones=False)
    assert not finds("5678", "王", phones=("13812345678",), see_phones=False)
    assert finds("5678", "5678号店", phones=("13812345678",), see_phones=False)
    assert plain_phone("0086 13812345678") == "13812345678" and plain_phone("+1 (212) 555-0100") == "12125550100"


CHINESE = "王李张小明华伟芳单曾吕区"
names = st.text(alphabet=CHINESE, min_size=1, max_size=5)


@pytest.mark.parametrize(("text", "name"), [("xiaom华", "小明华"), ("ouw华", "伟区伟华"), ("wangxm芳", "王小明芳")])
def test_c11_letters_of_several_syllables_before_a_character(text, name):
    """The last of the syllables stands next to the character, not the first."""
    assert finds(text, name)


@given(names, st.data())
def test_c11_every_way_to_type_a_part_of_a_name_finds_it(name, data):
    """Characters, whole syllables and initials, mixed as people mix them; the last syllable may be begun only."""
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]
    asked = ""
    for number, character in enumerate(part):
        reading = data.draw(st.sampled_from(pinyin.readings(character)))
        last = number == len(part) - 1
        whole = data.draw(st.sampled_from(("character", "reading", "initial", "begun" if last else "reading")))
        begun = reading[: data.draw(st.integers(1, len(reading)))]
        asked += {"character": character, "reading": reading, "initial": reading[0], "begun": begun}[whole]
    letters = re.findall("[a-z]+", asked)
    # Letters that can be read in fewer syllables than were meant are read so; nobody types those.
    meant = all(_as_few(run, part) for run in letters)
    if meant:
        assert finds(asked, name), (asked, name)


def _as_few(run: str, part: str) -> bool:
    return len(run) <= 4 or not rows_of_syllables(run) or all(len(way) >= len(part) for way in rows_of_syllables(run))


@given(st.text(max_size=40), st.text(max_size=40))
@example("'\\' :* & !", "x")
@example("\x00\u200d\U0001f468", "ß")
def test_c11_whatever_is_typed_is_a_question_and_never_more(typed, name):
    """No quotation ends early, whatever is in it; and every text of one unit or more finds itself."""
    asked = question(typed, ENTERPRISE)
    assert holds(asked.sought, terms([name])) >= holds(asked.wanted, terms([name]))
    assert bool(asked.sought) == bool(asked.wanted)
    for literal in re.findall(r"'([^']*)'", asked.sought + asked.wanted):
        assert literal.startswith(mark(ENTERPRISE))
        assert all(
            one in "-#" or unicodedata.category(one)[0] in "LN" or unicodedata.category(one) == "So"
            for one in literal[4:]
        )


@given(names | st.text(min_size=1, max_size=12))
def test_c11_a_name_finds_itself(name):
    asked = question(name, ENTERPRISE).wanted
    if asked and len(name.split()) <= 8:
        assert holds(asked, terms([name]))


def test_c11_the_syllables_are_those_of_the_dictionary():
    known = {pinyin._plain(listed.partition(",")[0]) for listed in pinyin._dictionary().values()}
    several = {reading for found in pinyin._several().values() for reading in found}
    assert {one for one in known | several if set(one) & set("aeiouv")} == pinyin.SYLLABLES
    assert pinyin.readings("王") == ("wang",) and pinyin.readings("略") == ("lve",) and pinyin.readings("A") == ()


def test_c11_letters_are_read_in_as_few_syllables_as_they_have():
    assert rows_of_syllables("wangxm") == [("wang", "x", "m")]
    assert rows_of_syllables("xiang") == [("xian", "g"), ("xi", "ang")]
    assert rows_of_syllables("xian") == [("xia", "n"), ("xi", "an"), ("xi", "a", "n")], "of short words all ways"
    assert rows_of_syllables("w") == [] and rows_of_syllables("x" * 25) == []


def test_c11_whole_names_are_nearer_than_parts():
    assert [distance(text, ("王小明", "王总")) for text in ("王小明", "wxm", "王", "xm", "小明", "明王")] == [
        0,
        0,
        1,
        2,
        2,
        3,
    ]
    assert distance("shan", ("单",)) == 0 and distance("WangZong", ("王小明", "王总")) == 0
