"""From the cells of a row to a typed tuple, or to the reason why not (C12). Hundred thousand rows take a second.

parser = RowParser("purchases", columns.resolve(table.header, "purchases"), zone=zone, now=now)
try:
    row = parser(cells)
except RowRefused as refusal: …
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

from contacts.files import values
from contacts.files.columns import ImportKind
from contacts.files.reasons import BadCell, Reason, RowRefused

_AHEAD = timedelta(days=1)  # clocks and zones of other systems may be off by so much


class ContactRow(NamedTuple):
    """A row of contacts. "", None and empty lists: the file says nothing. `owner` is a user id or e-mail address."""

    external_userid: str
    name: str
    kind: str | None  # wechat, wecom
    remark: str
    company: str
    phones: list[str]
    owner: str
    added_at: datetime | None  # UTC
    tags: list[str]


class PurchaseRow(NamedTuple):
    """A row of purchases. A negative amount (CNY) is a refund."""

    external_userid: str
    order_no: str
    paid_at: datetime  # UTC
    amount: Decimal


class InteractionRow(NamedTuple):
    """A row of interactions. `key` makes it the same when the file comes again; without one in the file it
    is made of time, kind and member."""

    external_userid: str
    kind: str
    at: datetime  # UTC
    member: str
    key: str


class ServedRow(NamedTuple):
    """A row of WeCom's list of served people: a person, by a member or by a group."""

    external_userid: str
    name: str
    member: str
    group: str
    added_at: datetime | None  # UTC


Row = ContactRow | PurchaseRow | InteractionRow | ServedRow


class RowParser:
    """Parses rows of one kind by one mapping. Call it with cells of the header's width."""

    def __init__(self, kind: ImportKind | str, mapping: Mapping[str, int], *, zone: tzinfo, now: datetime) -> None:
        """`mapping`: target column → index, from `columns.resolve`. `zone`: of dates that name none, the
        enterprise's. `now`: moments more than a day after it are refused."""
        latest = now + _AHEAD

        def moment(text: str) -> datetime:
            found = values.moment(text, zone)
            if found > latest:
                raise values.BadValue(Reason.FUTURE_DATE)
            return found

        parsers: dict[ImportKind, dict[str, Callable[[str], Any]]] = {
            ImportKind.CONTACTS: {
                "external_userid": values.external_userid,
                "name": values.name,
                "kind": values.contact_kind,
                "remark": values.remark,
                "company": values.remark,
                "phone": values.phones,
                "owner": values.clean,
                "added_at": lambda text: moment(text) if text and not text.isspace() else None,
                "tags": values.tags,
            },
            ImportKind.PURCHASES: {
                "external_userid": values.external_userid,
                "order_no": values.order_no,
                "paid_at": moment,
                "amount": values.amount,
            },
            ImportKind.INTERACTIONS: {
                "external_userid": values.external_userid,
                "kind": values.interaction_kind,
                "at": moment,
                "member": values.clean,
                "key": values.key,
            },
            ImportKind.SERVED: {
                "external_userid": values.external_userid,
                "name": values.remark,
                "member": values.remark,
                "group": values.remark,
                "added_at": lambda text: moment(text) if text and not text.isspace() else None,
            },
        }
        kind = ImportKind(kind)
        self._make: Callable[[list[Any]], Row] = _MAKERS[kind]
        self._fields = [(column, mapping.get(column), parse) for column, parse in parsers[kind].items()]

    def __call__(self, cells: Sequence[str]) -> Row:
        """The typed row. Raises RowRefused for the first value that is wrong."""
        found: list[Any] = []
        for column, index, parse in self._fields:
            cell = "" if index is None else cells[index]
            try:
                if isinstance(cell, BadCell):
                    raise values.BadValue(cell.reason)
                found.append(parse(cell))
            except values.BadValue as error:
                raise RowRefused(error.reason, column, cell) from None
        return self._make(found)


def _interaction(found: list[Any]) -> InteractionRow:
    row = InteractionRow._make(found)
    if row.key:
        return row
    key = f"{row.at.isoformat()} {row.kind} {row.member}".strip()
    return row._replace(key=key if len(key) <= values.MAX_KEY else sha256(key.encode()).hexdigest())


_MAKERS: dict[ImportKind, Callable[[list[Any]], Row]] = {
    ImportKind.CONTACTS: ContactRow._make,
    ImportKind.PURCHASES: PurchaseRow._make,
    ImportKind.INTERACTIONS: _interaction,
    ImportKind.SERVED: ServedRow._make,
}
