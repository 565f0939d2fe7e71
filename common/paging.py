"""Keyset pages: a stable total order, and page 1 000 costs what page 1 costs (DESIGN.md 7)."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BooleanField, F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid

MAX_SIZE = 200
EXACT_COUNT = 10_000


@dataclass(frozen=True)
class Page:
    """One page of rows and the cursors of its neighbours (None at the ends)."""

    rows: list[Any]
    next: str | None
    previous: str | None


@dataclass(frozen=True)
class Count:
    """How many rows there are; beyond 10 000 it is the planner's estimate and says so."""

    value: int
    exact: bool


Ways = Callable[["Keyset"], Iterable[QuerySet]]


class Keyset:
    """A page of `queryset` after (or before) `cursor`, else from row `start` on, before it is read.

    Ordered columns must not be null. `ways`: the same rows, asked in quicker ways that may find too few; they are
    tried one after the other until one fills the page, and the last leaves nothing out.
    Raises Invalid when the cursor is not one of ours or belongs to another ordering.
    """

    def __init__(
        self,
        queryset: QuerySet,
        *,
        ordering: str,
        size: int,
        cursor: str | None = None,
        start: int = 0,
        ways: Ways | None = None,
    ) -> None:
        self.ordering = ordering
        self.size = size
        self.start = start
        self.column = ordering.removeprefix("-")
        self.position: tuple[Any, Any] | None = None
        self._backwards = False
        if cursor:
            self._backwards, self.position = _read(cursor, ordering, queryset)
        self.descending = ordering.startswith("-") != self._backwards
        self._queryset = queryset
        self._ways = ways

    @property
    def reach(self) -> int:
        """So many rows have to be found to fill the page, and to know that there are more."""
        return self.start + self.size + 1

    def read(self, reader: Callable[[QuerySet], list[Any]] = list) -> Page:
        """The page. `reader` reads a queryset, in its order, as objects with the ordered column and `id`."""
        rows: list[Any] = []
        for queryset in self._ways(self) if self._ways else (self._queryset,):
            rows = reader(self.ordered(queryset)[self.start : self.reach])
            if len(rows) > self.size:
                break
        return self._page(rows)

    def ordered(self, queryset: QuerySet, column: str = "", pk: str = "id") -> QuerySet:
        """In the order in which the page is read, from the cursor on; by other columns that hold the same."""
        column = column or self.column
        if self.position is not None:
            beyond = TupleLessThan if self.descending else TupleGreaterThan
            queryset = queryset.filter(beyond(Tuple(F(column), F(pk)), self.position))
        sign = "-" if self.descending else ""
        return queryset.order_by(f"{sign}{column}", f"{sign}{pk}")

    def within(self, queryset: QuerySet, reach: int) -> QuerySet:
        """Those of `queryset` among the next `reach` rows of its table: one read of the index says where that ends."""
        model = queryset.model
        rows = self.ordered(model.objects.all()).values_list(self.column, "id")[:reach]
        table, column = model._meta.db_table, model._meta.get_field(self.column).column
        text, params = rows.query.sql_with_params()
        beyond, back = (">=", "") if self.descending else ("<=", " DESC")
        last = f"SELECT * FROM ({text}) AS reach (key, id) ORDER BY key{back}, id{back} LIMIT 1"  # noqa: S608
        here = f'("{table}"."{column}", "{table}".id)'
        reached = RawSQL(f"{here} {beyond} ({last})", params, output_field=BooleanField())  # noqa: S611
        return queryset.filter(reached)

    def _page(self, rows: list[Any]) -> Page:
        more = len(rows) > self.size
        rows = rows[: self.size]
        if self._backwards:
            rows.reverse()
        beyond = self.position is not None or self.start > 0
        has_next, has_previous = (True, more) if self._backwards else (more, beyond)
        return Page(
            rows=rows,
            next=_write(self.ordering, False, rows[-1], self.column) if rows and has_next else None,
            previous=_write(self.ordering, True, rows[0], self.column) if rows and has_previous else None,
        )


def keyset(
    queryset: QuerySet,
    *,
    ordering: str,
    size: int,
    cursor: str | None = None,
    start: int = 0,
    ways: Ways | None = None,
) -> Page:
    """The page of `queryset` after (or before) `cursor`, or from row `start` on; see Keyset."""
    return Keyset(queryset, ordering=ordering, size=size, cursor=cursor, start=start, ways=ways).read()


def cursor_after(row: Any, ordering: str) -> str:
    """The cursor of the page that follows `row`: where numbered pages hand over to keyset pages."""
    return _write(ordering, False, row, ordering.removeprefix("-"))


def cursor_before(row: Any, ordering: str) -> str:
    """The cursor of the page that ends before `row`."""
    return _write(ordering, True, row, ordering.removeprefix("-"))


def position(cursor: str, ordering: str, queryset: QuerySet) -> tuple[bool, tuple[Any, Any]]:
    """Does the cursor lead backwards, and from which (value, id)? For lists that are not a queryset.

    Raises Invalid when the cursor is not one of ours or belongs to another ordering.
    """
    return _read(cursor, ordering, queryset)


def count(queryset: QuerySet, limit: int = EXACT_COUNT, *, estimated: QuerySet | None = None) -> Count:
    """Count exactly up to `limit`; beyond it ask the planner, which costs nothing.

    `estimated`: the same rows, asked in a way that the planner estimates better.
    """
    counted = queryset.order_by()[: limit + 1].count()
    if counted <= limit:
        return Count(counted, exact=True)
    found = estimate(queryset if estimated is None else estimated)
    return Count(max(found, limit + 1), exact=False)


def estimate(queryset: QuerySet) -> int:
    """How many rows the planner expects; costs nothing."""
    sql, params = queryset.order_by().values("id").query.sql_with_params()
    with connection.cursor() as db:
        db.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = db.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])


def page_size(value: str | None, default: int = 50, choices: Sequence[int] | None = None) -> int:
    """The page size somebody asked for; raises Invalid beyond 200 (or outside `choices`)."""
    if value in (None, ""):
        return default
    size = int(value) if value.isascii() and value.isdigit() and len(value) <= 4 else 0
    if not 1 <= size <= MAX_SIZE or (choices and size not in choices):
        raise Invalid({"page_size": [_("Ask for 1 to 200 rows a page.")]})
    return size


def _write(ordering: str, backwards: bool, row: Any, column: str) -> str:
    value = getattr(row, column)
    if not isinstance(value, (int, str)):
        value = value.isoformat() if hasattr(value, "isoformat") else str(value)
    raw = json.dumps([ordering, int(backwards), value, str(row.id)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read(cursor: str, ordering: str, queryset: QuerySet) -> tuple[bool, tuple[Any, Any]]:
    column = ordering.removeprefix("-")
    field: Any = queryset.query.annotations.get(column) or queryset.model._meta.get_field(column)
    field = getattr(field, "output_field", field)  # a generated column reads nothing by itself
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, backwards, value, pk = json.loads(raw)
        if made_for != ordering or (isinstance(value, str) and not _storable(value)):
            raise ValueError(made_for)
        return bool(backwards), (field.to_python(value), queryset.model._meta.pk.to_python(pk))
    except (ValueError, TypeError, OverflowError, ValidationError, binascii.Error) as error:
        raise Invalid({"cursor": [_("This cursor does not belong to this list.")]}) from error


def _storable(text: str) -> bool:
    """Can the database hold it: neither NUL nor half a character?"""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
