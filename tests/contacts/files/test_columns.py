"""C12: which column goes where."""

import pytest

from contacts.files.columns import COLUMNS, ImportKind, guess, normalise, resolve
from contacts.files.reasons import FileRefused


@pytest.mark.parametrize("kind", ImportKind)
def test_c12_own_names_and_labels_are_guessed(kind):
    names = [column.name for column in COLUMNS[kind]]
    assert resolve(names, kind) == {name: index for index, name in enumerate(names)}


@pytest.mark.parametrize("kind", ImportKind)
def test_c12_no_synonym_means_two_columns_at_the_same_rank(kind):
    """The likeliest synonyms are what people write, and each must find its own column."""
    for column in COLUMNS[kind]:
        words = [normalise(synonym) for synonym in column.synonyms]
        assert len(words) == len(set(words)), column.name
        assert guess([column.synonyms[1]], kind) == {column.name: 0}


@pytest.mark.parametrize(
    "kind, headers, expected",
    [
        (
            "contacts",
            ["客户ID", "姓名", "类型", "备注", "公司/企业", "手机/电话", "负责人", "添加时间", "标签"],
            {column.name: index for index, column in enumerate(COLUMNS[ImportKind.CONTACTS])},
        ),
        ("contacts", ["备注名", "备注", " 外部联系人ＩＤ ", "昵称", "跟进人", "企业"],
         {"external_userid": 2, "name": 3, "remark": 1, "company": 5, "owner": 4}),
        ("contacts", ["External User-ID", "Customer Name", "E-mail", "Mobile No."], {"external_userid": 0, "name": 1}),
        ("contacts", ["客户", "客户ID"], {"external_userid": 1}),
        ("purchases", ["客户ID", "订单号", "付款时间", "金额（元）"],
         {"external_userid": 0, "order_no": 1, "paid_at": 2, "amount": 3}),
        ("purchases", ["customer", "invoice", "purchased_at", "lines", "amount_gbp", "country"],
         {"external_userid": 0, "order_no": 1, "paid_at": 2, "amount": 4}),
        ("purchases", ["时间", "支付时间", "金额 (CNY)"], {"paid_at": 1, "amount": 2}),
        ("interactions", ["外部联系人ID", "类型", "时间", "成员", "唯一标识"],
         {"external_userid": 0, "kind": 1, "at": 2, "member": 3, "key": 4}),
        ("contacts", ["", "a", "，"], {}),
    ],
)  # fmt: skip
def test_c12_headers_as_people_write_them(kind, headers, expected):
    assert guess(headers, kind) == expected


def test_c12_an_explicit_mapping_wins_over_the_guess():
    headers = ["客户ID", "会员卡", "姓名", "内部备注", "备注"]
    assert resolve(headers, "contacts", {"external_userid": "会员卡", "remark": "内部备注"}) == {
        "external_userid": 1,
        "name": 2,
        "remark": 3,
    }
    assert resolve(headers, "contacts", {"name": None, "remark": ""}) == {"external_userid": 0}
    # A header that the person gives to one column is taken from the column that was guessed for it.
    assert resolve(headers, "contacts", {"company": "姓名"}) == {"external_userid": 0, "company": 2, "remark": 4}
    assert resolve(["Card No", "x"], "contacts", {"external_userid": " card no "}) == {"external_userid": 0}


@pytest.mark.parametrize(
    "headers, mapping, code, text",
    [
        (["客户ID"], {"colour": "客户ID"}, "unknown_column", "colour"),
        (["客户ID"], {"name": "姓名"}, "unknown_header", "姓名"),
        (["客户ID", "a"], {"name": "a", "remark": "a"}, "header_used_twice", "a"),
        (["姓名"], {}, "missing_columns", "external_userid"),
        (["客户ID"], {"external_userid": None}, "missing_columns", "external_userid"),
    ],
)
def test_c12_mappings_that_cannot_be(headers, mapping, code, text):
    with pytest.raises(FileRefused) as error:
        resolve(headers, "contacts", mapping)
    assert error.value.code == code
    assert text in str(error.value.detail)
