"""Which column of a file goes where (C12): targets per kind of import, guessed from the header or named."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from contacts.files.reasons import FileProblem, FileRefused

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class ImportKind(Choice):
    """What the rows of an import are."""

    CONTACTS = "contacts", _("Contacts")
    PURCHASES = "purchases", _("Purchases")
    INTERACTIONS = "interactions", _("Interactions")
    SERVED = "served", _("People whom WeCom counts")


@dataclass(frozen=True, slots=True)
class Column:
    """A target column. `synonyms`: headers taken for it, the likeliest first."""

    name: str
    label: "StrPromise"
    synonyms: tuple[str, ...]
    required: bool = False


def _column(name: str, label: "StrPromise", synonyms: str, *, required: bool = False) -> Column:
    return Column(name, label, (name, *synonyms.split()), required)


_ID = _column(
    "external_userid",
    _("External user ID"),
    """
    外部联系人ID 外部联系人userid 外部联系人账号 外部用户ID 客户ID 客户编号 客户编码 客户号 客户账号
    客户userid 联系人ID 用户ID 会员ID 会员编号 会员号 externaluser externalid externalcontactid
    customerid customerno customernumber contactid clientid userid id 编号 customer 客户
    """,
    required=True,
)

COLUMNS: dict[ImportKind, tuple[Column, ...]] = {
    ImportKind.CONTACTS: (
        _ID,
        _column(
            "name",
            _("Name"),
            """
            姓名 客户姓名 客户名称 客户名 名称 昵称 客户昵称 微信昵称 联系人 联系人姓名 fullname
            customername contactname nickname displayname customer contact client
            """,
        ),
        _column(
            "kind",
            _("Type"),
            """
            类型 客户类型 联系人类型 用户类型 type contacttype customertype
            """,
        ),
        _column(
            "remark",
            _("Remark"),
            """
            备注 备注名 客户备注 备注信息 说明 描述 remarks note notes comment comments memo
            """,
        ),
        _column(
            "company",
            _("Company"),
            """
            公司 企业 公司名称 企业名称 单位 所属公司 所属企业 客户公司 客户企业 工作单位 公司/企业
            companyname organization organisation enterprise corp corporation employer
            """,
        ),
        _column(
            "phone",
            _("Phone"),
            """
            手机 手机号 手机号码 电话 电话号码 联系电话 联系方式 备注手机号 备注电话 电话/手机 手机/电话
            phones phonenumber phonenumbers mobile mobiles mobilephone mobilenumber cell cellphone
            telephone tel
            """,
        ),
        _column(
            "owner",
            _("Owner"),
            """
            负责人 客户负责人 跟进人 跟进成员 所属成员 所属员工 所属销售 添加人 归属人 添加成员 员工 销售
            成员 ownerid owneremail owneruserid follower followuser sales salesperson salesrep assignedto
            member staff
            """,
        ),
        _column(
            "added_at",
            _("Added at"),
            """
            添加时间 添加日期 加好友时间 好友添加时间 添加好友时间 首次添加时间 创建时间 创建日期
            加入时间 成为客户时间 added dateadded addedon addedtime addtime adddate createtime createdat
            created createdon createddate creationdate since
            """,
        ),
        _column(
            "tags",
            _("Tags"),
            """
            标签 客户标签 企业标签 个人标签 标签名 tag label labels taglist tagnames
            """,
        ),
    ),
    ImportKind.PURCHASES: (
        _ID,
        _column(
            "order_no",
            _("Order number"),
            """
            订单号 订单编号 订单ID 交易号 交易单号 流水号 单号 发票号 商户订单号 销售单号 order orderid
            ordernumber invoice invoiceno invoicenumber invoiceid transactionid transactionno receiptno
            """,
            required=True,
        ),
        _column(
            "paid_at",
            _("Paid at"),
            """
            支付时间 付款时间 支付日期 付款日期 下单时间 下单日期 订单时间 订单日期 购买时间 购买日期
            交易时间 交易日期 成交时间 消费时间 日期 时间 paid paidon paymentdate paymenttime paytime
            paydate orderdate ordertime invoicedate purchasedate purchasedat purchasetime transactiondate
            date time datetime timestamp
            """,
            required=True,
        ),
        _column(
            "amount",
            _("Amount"),
            """
            金额 支付金额 付款金额 实付金额 实付 实收金额 订单金额 订单总额 交易金额 消费金额 成交金额
            总金额 总额 总价 金额元 支付金额元 amountcny amountgbp total totalamount totalprice orderamount
            ordertotal paidamount payment price value sum revenue
            """,
            required=True,
        ),
    ),
    ImportKind.INTERACTIONS: (
        _ID,
        _column(
            "kind",
            _("Type"),
            """
            类型 互动类型 事件类型 行为类型 互动方式 跟进方式 跟进类型 事件 行为 动作 type interaction
            interactiontype interactionkind event eventtype action activity
            """,
            required=True,
        ),
        _column(
            "at",
            _("Time"),
            """
            时间 日期 互动时间 发生时间 事件时间 行为时间 跟进时间 消息时间 发送时间 time date datetime
            timestamp happenedat occurredat interactiontime interactiondate eventtime eventdate
            """,
            required=True,
        ),
        _column(
            "member",
            _("Member"),
            """
            成员 成员账号 成员ID 员工 员工账号 员工姓名 跟进人 跟进成员 负责人 客服 销售 memberid
            memberuserid memberemail user staff employee owner agent sales salesperson
            """,
        ),
        _column(
            "key",
            _("Key"),
            """
            唯一标识 唯一键 互动ID 事件ID 消息ID 记录ID 流水号 序号 uniquekey interactionid eventid
            messageid msgid recordid externalkey
            """,
        ),
    ),
}

COLUMNS[ImportKind.SERVED] = (
    _ID,
    _column("name", _("Name"), "姓名 客户姓名 客户名称 名称 昵称 微信昵称 nickname contactname customername"),
    _column(
        "member",
        _("Member"),
        """
        成员 成员账号 添加人 跟进人 服务成员 所属成员 员工 企业成员 follower followuser followuserid userid
        memberid staff owner
        """,
    ),
    _column("group", _("Group chat"), "群 客户群 群名 群名称 所在群 群聊 groupchat groupname chatname chat"),
    _column(
        "added_at",
        _("Added at"),
        "添加时间 添加日期 加入时间 首次添加时间 服务时间 addtime createtime added since",
    ),
)


def normalise(header: str) -> str:
    """What two headers are compared by: case, width, spaces and punctuation do not count."""
    return "".join(char for char in unicodedata.normalize("NFKC", header).casefold() if char.isalnum())


def guess(headers: Sequence[str], kind: ImportKind | str) -> dict[str, int]:
    """Target column → index of the header that most likely means it; what is not found is not there.

    Each header is used once. A column's likelier synonym wins over a less likely one that stands further
    left; text in brackets, as in `金额（元）`, is ignored when the whole header says nothing.
    """
    found: dict[str, int] = {}
    for spelling in (headers, [_without_brackets(header) for header in headers]):
        positions: dict[str, int] = {}
        for index, header in enumerate(spelling):
            if index not in found.values():
                positions.setdefault(normalise(header), index)
        for column in COLUMNS[ImportKind(kind)]:
            if column.name in found:
                continue
            for synonym in column.synonyms:
                if (word := normalise(synonym)) in positions:
                    found[column.name] = positions.pop(word)
                    break
    return found


def resolve(
    headers: Sequence[str], kind: ImportKind | str, mapping: Mapping[str, str | None] | None = None
) -> dict[str, int]:
    """Target column → header index: the guess, corrected by `mapping` (target column → header of the file,
    None or "" to leave the column out), and complete.

    Raises FileRefused: unknown_column, unknown_header, header_used_twice, missing_columns.
    """
    columns = {column.name: column for column in COLUMNS[ImportKind(kind)]}
    found = guess(headers, kind)
    chosen: dict[str, int] = {}
    for name, header in (mapping or {}).items():
        if name not in columns:
            raise FileRefused(FileProblem.UNKNOWN_COLUMN, column=name)
        found.pop(name, None)
        if header:
            chosen[name] = _position(headers, header)
            if list(chosen.values()).count(chosen[name]) > 1:
                raise FileRefused(FileProblem.HEADER_USED_TWICE, header=header)
    taken = set(chosen.values())
    result = {name: index for name, index in found.items() if index not in taken} | chosen
    missing = [column for column in columns.values() if column.required and column.name not in result]
    if missing:
        names = ", ".join(f"{column.label} ({column.name})" for column in missing)
        raise FileRefused(FileProblem.MISSING_COLUMNS, columns=names)
    return {name: result[name] for name in columns if name in result}


def _position(headers: Sequence[str], header: str) -> int:
    if header in headers:
        return headers.index(header)
    wanted = normalise(header)
    for index, other in enumerate(headers):
        if wanted and normalise(other) == wanted:
            return index
    raise FileRefused(FileProblem.UNKNOWN_HEADER, header=header)


def _without_brackets(header: str) -> str:
    """`金额(元)` → `金额`, however the brackets are written."""
    text = unicodedata.normalize("NFKC", header)
    for opening, closing in ("()", "[]", "【】", "{}"):
        before, bracket, rest = text.partition(opening)
        if bracket:
            text = before + rest.partition(closing)[2]
    return text
