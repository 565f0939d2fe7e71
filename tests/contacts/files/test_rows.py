"""C12: from the cells of a row to typed values, or to the reason why not."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.utils.translation import override

from contacts.files import values
from contacts.files.reasons import BadCell, FileProblem, FileRefused, Reason, RowRefused
from contacts.files.rows import ContactRow, InteractionRow, PurchaseRow, RowParser
from contacts.rules import Kind

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)  # noon in Shanghai


def parse(what, /, **cells):
    mapping = {name: index for index, name in enumerate(cells)}
    return RowParser(what, mapping, zone=SHANGHAI, now=NOW)(list(cells.values()))


def refusal(what, /, **cells):
    with pytest.raises(RowRefused) as error:
        parse(what, **cells)
    return error.value.code, error.value.column


def reason_of(function, *arguments):
    with pytest.raises(values.BadValue) as error:
        function(*arguments)
    return error.value.reason.value


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


# --- Rows ------------------------------------------------------------------------------------------------


def test_c12_a_full_contact():
    row = parse(
        "contacts",
        external_userid=" wmAbc-1 ",
        name=" 王小明 ",
        kind="企业微信",
        remark="老\n客户",
        company="公司",
        phone="138 0013 8000；+86-10-1234/13900139000、13900139000",
        owner="zhang@example.com",
        added_at="2026-01-31 18:30",
        tags="重点, 老客户；重点",
    )
    assert row == ContactRow(
        "wmAbc-1",
        "王小明",
        "wecom",
        "老 客户",
        "公司",
        ["138 0013 8000", "+86-10-1234", "13900139000"],
        "zhang@example.com",
        utc(2026, 1, 31, 10, 30),
        ["重点", "老客户"],
    )


def test_c12_a_contact_of_which_only_the_id_is_known():
    nothing = ContactRow("wm1", "", None, "", "", [], "", None, [])
    assert parse("contacts", external_userid="wm1") == nothing
    assert parse("contacts", external_userid="wm1", name=" ", kind="", phone="", added_at=" ", tags="") == nothing


def test_c12_purchases_and_refunds():
    assert parse("purchases", external_userid="wm1", order_no="SO 1", paid_at="2026/1/5", amount="￥1,234.5") == (
        PurchaseRow("wm1", "SO 1", utc(2026, 1, 4, 16), Decimal("1234.50"))
    )
    assert parse("purchases", external_userid="wm1", order_no="1", paid_at="2026-01-05", amount="-5").amount == -5


def test_c12_interactions_have_a_key_of_their_own_or_one_made_of_what_they_are():
    cells = {"external_userid": "wm1", "kind": "跟进", "at": "2026-01-05T08:00:00+08:00", "member": "zhang"}
    row = InteractionRow("wm1", "follow_up", utc(2026, 1, 5), "zhang", "2026-01-05T00:00:00+00:00 follow_up zhang")
    assert parse("interactions", **cells) == row
    assert parse("interactions", **cells, key="msg-1").key == "msg-1"
    assert len(parse("interactions", **(cells | {"member": "x" * 200})).key) == 64


@pytest.mark.parametrize(
    "cells, code, column",
    [
        ({"external_userid": ""}, "missing_id", "external_userid"),
        ({"external_userid": "wm 1"}, "bad_id", "external_userid"),
        ({"name": "x" * 129}, "bad_name", "name"),
        ({"kind": "QQ"}, "bad_kind", "kind"),
        ({"remark": "x" * 129}, "text_too_long", "remark"),
        ({"phone": "none"}, "bad_phone", "phone"),
        ({"added_at": "yesterday"}, "bad_date", "added_at"),
        ({"added_at": "2026-03-02 12:00:01"}, "future_date", "added_at"),
        ({"tags": "x" * 31}, "bad_tag", "tags"),
        ({"name": BadCell("=A1", Reason.FORMULA_CELL)}, "formula_cell", "name"),
    ],
)
def test_c12_refused_contacts(cells, code, column):
    assert refusal("contacts", **({"external_userid": "wm1"} | cells)) == (code, column)


@pytest.mark.parametrize("column", ["order_no", "paid_at", "amount"])
def test_c12_required_values_of_purchases(column):
    cells = {"external_userid": "wm1", "order_no": "1", "paid_at": "2026-01-05", "amount": "1"}
    assert refusal("purchases", **(cells | {column: " "})) == ("missing_value", column)


def test_c12_a_formula_in_a_column_that_is_not_imported_does_no_harm():
    parser = RowParser("contacts", {"external_userid": 0}, zone=SHANGHAI, now=NOW)
    assert parser(["wm1", BadCell("=A1", Reason.FORMULA_CELL)]).external_userid == "wm1"


def test_c12_one_day_of_the_future_is_the_other_clock():
    row = parse("contacts", external_userid="wm1", added_at="2026-03-02 12:00:00")
    assert row.added_at == utc(2026, 3, 2, 4)


def test_c12_an_excerpt_of_the_value_comes_with_the_refusal():
    with pytest.raises(RowRefused) as error:
        parse("contacts", external_userid="x" * 1000)
    assert error.value.value == "x" * 79 + "…"


# --- Values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "wmAbc_-=@.", "王", "x" * 64, "\u3000a"])
def test_c1_good_ids(text):
    assert values.external_userid(text) == text.strip()


@pytest.mark.parametrize(
    "text", ["x" * 65, "a b", "a\0", "a\tb", "a\u200bb", "a\u202eb", "a\u3000b", "\ufeffa", "a\x7f"]
)
def test_c1_bad_ids(text):
    assert reason_of(values.external_userid, text) == "bad_id"


@pytest.mark.parametrize(
    "text, cleaned",
    [
        ("a\0b", "ab"),
        ("a\r\nb\tc", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ufeff王\u200b\u3000明 ", "王 明"),
        ("👨‍👩‍👧‍👦 👍🏽 ❤️", "👨‍👩‍👧‍👦 👍🏽 ❤️"),
        ("مرحبا \u200f123", "مرحبا 123"),
        ("a\ud800b", "ab"),
        ("\0", ""),
    ],
)
def test_c12_names_lose_what_cannot_be_seen(text, cleaned):
    assert values.name(text) == cleaned


@pytest.mark.parametrize(
    "text, found",
    [
        ("13800138000", ["13800138000"]),
        ("１３８００１３８０００", ["13800138000"]),
        ("+86 138-0013-8000", ["+86 138-0013-8000"]),
        ("1;2,3、4/5；6，7\n8|9", list("123456789")),
        (" ; ", []),
        ("9" * 32, ["9" * 32]),
    ],
)
def test_c12_phones(text, found):
    assert values.phones(text) == found


@pytest.mark.parametrize("text", ["9" * 33, "138x", "1;=2", "--1", "+", "(021)1", ";".join(map(str, range(11)))])
def test_c12_bad_phones(text):
    assert reason_of(values.phones, text) == "bad_phone"


@pytest.mark.parametrize(
    "text, kind",
    [
        ("WeChat", "wechat"),
        ("微信", "wechat"),
        ("个人微信", "wechat"),
        ("1", "wechat"),
        ("ＷｅＣｏｍ", "wecom"),
        ("企业微信", "wecom"),
        ("企微", "wecom"),
        (" ", None),
    ],
)
def test_c12_contact_kinds(text, kind):
    assert values.contact_kind(text) == kind


@pytest.mark.parametrize(
    "text, kind",
    [
        ("message_in", "message_in"),
        ("Message In", "message_in"),
        ("收到消息", "message_in"),
        ("群消息", "group_message"),
        ("素材点击", "material_click"),
        ("发送消息", "message_out"),
        ("Follow-up", "follow_up"),
        ("跟进", "follow_up"),
        ("电话", "call"),
        ("CALL", "call"),
    ],
)
def test_c6_interaction_kinds(text, kind):
    assert values.interaction_kind(text) == kind


def test_c6_what_can_be_imported_is_known_to_the_timeline():
    assert set(values._INTERACTION_KINDS.values()) < {kind.value for kind in Kind}
    assert reason_of(values.interaction_kind, "purchase") == "bad_kind"
    assert reason_of(values.interaction_kind, " ") == "missing_value"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-01-31", utc(2026, 1, 30, 16)),
        ("2026-01-31 18:30", utc(2026, 1, 31, 10, 30)),
        ("2026-01-31 18:30:05", utc(2026, 1, 31, 10, 30, 5)),
        ("2026-01-31T18:30:05", utc(2026, 1, 31, 10, 30, 5)),
        ("2026-01-31T18:30:05Z", utc(2026, 1, 31, 18, 30, 5)),
        ("2026-01-31T18:30:05.123456789+00:00", utc(2026, 1, 31, 18, 30, 5, 123456)),
        ("2026-01-31 18:30:05 -0530", utc(2026, 2, 1, 0, 0, 5)),
        ("2026-01-31T18:30+08", utc(2026, 1, 31, 10, 30)),
        ("2026/1/5", utc(2026, 1, 4, 16)),
        ("2026.1.5 8:05", utc(2026, 1, 5, 0, 5)),
        ("2026年1月5日", utc(2026, 1, 4, 16)),
        ("2026年1月5日 8:05:09", utc(2026, 1, 5, 0, 5, 9)),
        ("2026年1月5日8时5分9秒", utc(2026, 1, 5, 0, 5, 9)),
        ("２０２６－０１－３１", utc(2026, 1, 30, 16)),
        ("20260131", utc(2026, 1, 30, 16)),
        ("20260131183005", utc(2026, 1, 31, 10, 30, 5)),
        ("45292", utc(2023, 12, 31, 16)),
        ("45292.75", utc(2024, 1, 1, 10)),
        ("1990-01-01", utc(1989, 12, 31, 16)),
        ("2024-02-29", utc(2024, 2, 28, 16)),
    ],
)
def test_c12_dates_in_the_zone_of_the_enterprise(text, expected):
    assert values.moment(text, SHANGHAI) == expected


@pytest.mark.parametrize(
    "text",
    ["2026-02-29", "2026-13-01", "1989-12-31", "1/2/2026", "2026-1/2", "2026年1-5", "2026-01-01 24:00", "0000-00-00",
     "2026-01-01 10", "2026-W01-1", "2026-01-01X10:00", "1e5", "45292.5.1", "2026-01-01 10:00 +15:00", "99999999",
     "32000", "2026-01-31T18:30:05+00:00junk", "-", "２"],
)  # fmt: skip
def test_c12_no_dates(text):
    assert reason_of(values.moment, text, SHANGHAI) == "bad_date"


@pytest.mark.parametrize(
    "text, value",
    [
        ("12", "12.00"),
        ("12.5", "12.50"),
        ("12.500", "12.50"),
        ("-12.34", "-12.34"),
        ("(12.34)", "-12.34"),
        ("（１２．３４）", "-12.34"),
        ("￥1,234.50", "1234.50"),
        ("¥ 1,234,567", "1234567.00"),
        ("-¥5", "-5.00"),
        ("¥-5", "-5.00"),
        ("−5", "-5.00"),
        ("+5", "5.00"),
        ("5元", "5.00"),
        ("RMB 5.00", "5.00"),
        ("１，２３４．５", "1234.50"),
        ("9999999999.99", "9999999999.99"),
        ("-9,999,999,999.99", "-9999999999.99"),
        ("0007", "7.00"),
        ("-0", "0.00"),
    ],
)
def test_c12_amounts(text, value):
    assert str(values.amount(text)) == value


@pytest.mark.parametrize(
    "text",
    ["12.345", "1e5", "NaN", "Infinity", "-inf", "10000000000", "1,23", "1.234,56", "1 2,3", "(-5)", "--5", "5-",
     "0x10", "$5", ".5", "5.", "1,2345", "٣", "五", "¥", "()", "12_000"],
)  # fmt: skip
def test_c12_no_amounts(text):
    assert reason_of(values.amount, text) == "bad_amount"


def test_c12_limits_are_those_of_the_tables():
    def limit(model, field):
        field = apps.get_model("contacts", model)._meta.get_field(field)
        return getattr(field, "base_field", field).max_length

    assert limit("Contact", "external_userid") == values.MAX_ID
    assert limit("Contact", "name") == values.MAX_NAME
    assert limit("Contact", "remark") == limit("Contact", "company") == values.MAX_TEXT
    assert limit("Contact", "phones") == values.MAX_PHONE
    assert limit("Tag", "name") == values.MAX_TAG
    assert limit("Purchase", "order_no") == values.MAX_ORDER_NO
    assert limit("Interaction", "key") == values.MAX_KEY
    amount = apps.get_model("contacts", "Purchase")._meta.get_field("amount")
    assert len(values.MAX_AMOUNT.as_tuple().digits) == amount.max_digits


@pytest.mark.parametrize("text, code", [(" ", "missing_value"), ("x" * 65, "bad_reference"), ("a\tb", "bad_reference")])
def test_c12_bad_order_numbers(text, code):
    assert reason_of(values.order_no, text) == code


# --- Reasons ---------------------------------------------------------------------------------------------


def test_c12_every_reason_has_a_text_and_every_placeholder_a_value():
    with override("en"):
        for reason in Reason:
            assert str(reason.label).endswith("."), reason
        assert str(FileRefused(FileProblem.TOO_MANY_COLUMNS, limit=500).detail) == "The file has more than 500 columns."
        for problem in FileProblem:
            values_ = {"limit": 1, "column": "c", "header": "h", "columns": "cs"}
            assert "%" not in str(FileRefused(problem, **values_).detail)
