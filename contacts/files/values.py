"""One value of a row from its text: pure functions that return it or raise `BadValue` with the reason.

Identifiers are refused when something is wrong with them, because a repaired identifier may be another person's;
text for people (names, remarks) is cleaned of what cannot be seen instead, because the person is still the same.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache

from contacts.files.reasons import Reason

# Characters, as the tables have them (a test compares).
MAX_ID = 64
MAX_NAME = 128
MAX_TEXT = 128
MAX_PHONE = 32
MAX_TAG = 30
MAX_ORDER_NO = 64
MAX_KEY = 128
MAX_AMOUNT = Decimal("9999999999.99")
# Values in one cell.
_MAX_PHONES = 10
_MAX_TAGS = 50
_EARLIEST_YEAR = 1990


class BadValue(Exception):
    """The reason why a text is not such a value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# --- Identifiers -----------------------------------------------------------------------------------------


def external_userid(text: str) -> str:
    """An opaque, case-sensitive id of 1 to 64 visible characters (C1). Blanks around it are the file's."""
    text = text.strip()
    if not text:
        raise BadValue(Reason.MISSING_ID)
    if len(text) > MAX_ID or not text.isprintable() or " " in text:
        raise BadValue(Reason.BAD_ID)
    return text


def key(text: str) -> str:
    """A key of another system: up to 128 visible characters, blanks inside allowed; "" when there is none."""
    text = text.strip()
    if len(text) > MAX_KEY or not text.isprintable():
        raise BadValue(Reason.BAD_REFERENCE)
    return text


def order_no(text: str) -> str:
    """The key of an order, up to 64 visible characters; every purchase has one."""
    text = key(text)
    if not text:
        raise BadValue(Reason.MISSING_VALUE)
    if len(text) > MAX_ORDER_NO:
        raise BadValue(Reason.BAD_REFERENCE)
    return text


# --- Text ------------------------------------------------------------------------------------------------

# Everything that turns the direction of the text around it, or is not there at all. Joiners stay: emoji need them.
_INVISIBLE = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def clean(text: str) -> str:
    """Text for people: control characters and line breaks become one space, invisible ones vanish."""
    if text.isprintable():
        return text.strip()
    return _BLANKS.sub(" ", _INVISIBLE.sub("", text).replace("\0", "")).strip()


def name(text: str) -> str:
    """A name of at most 128 characters; "" when there is none."""
    text = clean(text)
    if len(text) > MAX_NAME:
        raise BadValue(Reason.BAD_NAME)
    return text


def remark(text: str) -> str:
    """A remark or company of at most 128 characters; "" when there is none."""
    text = clean(text)
    if len(text) > MAX_TEXT:
        raise BadValue(Reason.TEXT_TOO_LONG)
    return text


_BETWEEN_PHONES = re.compile(r"[;,、/|\n]")
_BETWEEN_TAGS = re.compile(r"[;,；，、|\n]")
_PHONE = re.compile(r"\+?[0-9][0-9+\- ]*")


def phones(text: str) -> list[str]:
    """Phone numbers, divided by ; , 、 / or line breaks, in their order, each once."""
    if not text:
        return []
    if text.isascii() and text.isdecimal() and len(text) <= MAX_PHONE:
        return [text]
    found = []
    for part in _BETWEEN_PHONES.split(unicodedata.normalize("NFKC", text)):
        phone = clean(part)
        if phone and (len(phone) > MAX_PHONE or not _PHONE.fullmatch(phone)):
            raise BadValue(Reason.BAD_PHONE)
        if phone and phone not in found:
            found.append(phone)
    if len(found) > _MAX_PHONES:
        raise BadValue(Reason.BAD_PHONE)
    return found


def tags(text: str) -> list[str]:
    """Tag names, divided as phones are (a slash belongs to the name), in their order, each once."""
    if not text:
        return []
    found = list(dict.fromkeys(tag for part in _BETWEEN_TAGS.split(text) if (tag := clean(part))))
    if len(found) > _MAX_TAGS or any(len(tag) > MAX_TAG for tag in found):
        raise BadValue(Reason.BAD_TAG)
    return found


# --- Kinds -----------------------------------------------------------------------------------------------


def _words(**kinds: str) -> dict[str, str]:
    return {word.casefold(): kind for kind, words in kinds.items() for word in (kind, *words.split())}


_CONTACT_KINDS = _words(
    wechat="微信 微信用户 微信客户 微信联系人 个人微信 普通微信 个微 wx weixin 1",
    wecom="企业微信 企业微信用户 企业微信客户 企业微信联系人 企微 企微用户 wework workwechat wxwork qywx 2",
)
_INTERACTION_KINDS = _words(
    message_in="收到消息 客户消息 客户发消息 客户发送消息 来信 接收消息 消息 inbound messagereceived received",
    group_message="群消息 群聊消息 群聊 群发言 客户群消息 groupchat groupmsg messageinagroup",
    material_click="素材点击 点击素材 打开素材 浏览素材 查看素材 素材浏览 点击 click materialopened openedamaterial",
    message_out="发出消息 发消息 发送消息 成员消息 员工消息 回复 成员发消息 outbound messagesent sent reply",
    follow_up="跟进 跟进记录 跟进客户 写跟进 followup note",
    call="电话 通话 语音通话 拨打电话 电话沟通 电话跟进 phone phonecall",
)
_BETWEEN_WORDS = re.compile(r"[\s_\-]+")


def _kind(text: str, kinds: dict[str, str]) -> str:
    found = kinds.get(text)
    if found is None:
        word = unicodedata.normalize("NFKC", text).casefold()
        words = _BETWEEN_WORDS.split(word.strip())
        found = kinds.get("".join(words)) or kinds.get("_".join(words))
    if found is None:
        raise BadValue(Reason.BAD_KIND)
    return found


def contact_kind(text: str) -> str | None:
    """`wechat`, `wecom`, or None when nothing is said."""
    return _kind(text, _CONTACT_KINDS) if text and not text.isspace() else None


def interaction_kind(text: str) -> str:
    """The kinds that can be imported: message_in, group_message, material_click (the customer's side),
    message_out, follow_up, call (the member's)."""
    if not text or text.isspace():
        raise BadValue(Reason.MISSING_VALUE)
    return _kind(text, _INTERACTION_KINDS)


# --- Dates -----------------------------------------------------------------------------------------------

_DATE = re.compile(
    r"(\d{4})([-/.年])(\d{1,2})(?:\2|月)(\d{1,2})日?"
    r"(?:(?:\s*T\s*|\s+|(?<=日))(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:[.,](\d{1,9}))?秒?|分)?"
    r"\s*(Z|UTC|[+\-]\d{2}:?(?:\d{2})?)?)?",
    re.ASCII | re.IGNORECASE,
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)  # 10000 is in 1927, 99999 in 2173
_SERIAL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 (local time)


@lru_cache(maxsize=1 << 15)
def moment(text: str, zone: tzinfo) -> datetime:
    """The moment that a date or a date with time means, in UTC; without a zone of its own it is local in `zone`.

    Year first, always: 3/4/2026 means different days to different people. Also 20260131, 20260131183000 and
    the serial numbers of spreadsheets.
    """
    if not text or text.isspace():
        raise BadValue(Reason.MISSING_VALUE)
    if len(text) > 64:
        raise BadValue(Reason.BAD_DATE)
    try:
        found = _common(text, zone) or _written(unicodedata.normalize("NFKC", text).strip(), zone)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadValue(Reason.BAD_DATE) from error
    if found < earliest(zone):
        raise BadValue(Reason.BAD_DATE)
    return found


@lru_cache(maxsize=64)
def earliest(zone: tzinfo) -> datetime:
    """The first moment that a record can have."""
    return datetime(_EARLIEST_YEAR, 1, 1, tzinfo=zone)


def _common(text: str, zone: tzinfo) -> datetime | None:
    """The commonest spellings, fast: `2026-01-31`, `2026-01-31 18:30`, `2026-01-31T18:30:00`."""
    if text[4:5] == text[7:8] == "-" and len(text) in (10, 16, 19) and text[10:11] in " T":
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    return None


def _written(text: str, zone: tzinfo) -> datetime:
    if match := _DATE.fullmatch(text):
        year, sign, month, day, hour, minute, second, fraction, offset = match.groups()
        if (sign == "年") != ("月" in text):
            raise ValueError(text)
        microsecond = int((fraction or "0")[:6].ljust(6, "0"))
        numbers = int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        return datetime(*numbers, microsecond, tzinfo=_offset(offset) if offset else zone)
    if match := _COMPACT.fullmatch(text):
        parts = [int(number or 0) for number in match.groups()]
        return datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], tzinfo=zone)
    if _SERIAL.fullmatch(text):
        seconds = round(float(text) * 86400)
        return (_SERIAL_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=zone)
    raise ValueError(text)


def _offset(text: str) -> tzinfo:
    if text.upper() in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise ValueError(text)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)


# --- Money -----------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"-?\d{1,10}(?:\.\d{1,2})?", re.ASCII)
_CURRENCY = re.compile(r"(?:¥|RMB|CNY|人民币)", re.IGNORECASE)
_MONEY = re.compile(r"([+\-]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2})0*)?", re.ASCII)
_CENT = Decimal("0.01")


def amount(text: str) -> Decimal:
    """CNY, with two decimals: ¥ 1,234.50, full-width digits, (5.00) and -5 for minus. At most 9 999 999 999.99
    either way. Exponents, NaN and a third decimal are refused."""
    if not _PLAIN.fullmatch(text):
        if not text or text.isspace():
            raise BadValue(Reason.MISSING_VALUE)
        text = _plain(text)
    # Adding zero makes -0.00 what it is.
    value = Decimal(text).quantize(_CENT) + 0
    if abs(value) > MAX_AMOUNT:
        raise BadValue(Reason.BAD_AMOUNT)
    return value


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("−", "-").strip()
    text = _CURRENCY.sub("", text, count=1).removesuffix("元").replace(" ", "")
    negative = text.startswith("(") and text.endswith(")")
    match = _MONEY.fullmatch(text[1:-1] if negative else text)
    if match is None or (negative and match[1]):
        raise BadValue(Reason.BAD_AMOUNT)
    whole = match[2].replace(",", "").lstrip("0") or "0"
    if len(whole) > 10:
        raise BadValue(Reason.BAD_AMOUNT)
    return f"{'-' if negative or match[1] == '-' else ''}{whole}.{match[3] or '0'}"
