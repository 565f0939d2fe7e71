"""Keyset pages: a stable total order, and page 1 000 costs what page 1 costs (DESIGN.md 7)."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


def order_by(ordering: str) -> tuple[str, str]:
    """The total order behind a public ordering such as "-added_at": ids break ties in the same direction."""
    return (ordering, "-id") if ordering.startswith("-") else (ordering, "id")


class Near(NamedTuple):
    """The rows of a list, asked in a way that is quick where they lie dense: tried on the next `reach` of the table."""

    rows: QuerySet
    reach: int


class Keyset:
    """A page of `queryset` after (or before) `cursor`, before it is read. Ordered columns must not be null.

    `rows` are up to `size` + 1 of them; `read` makes the page. `near` is tried first; where it fills no page,
    `queryset` is read. Raises Invalid when the cursor is not one of ours or belongs to another ordering.
    """

    def __init__(
        self,
        queryset: QuerySet,
        *,
        ordering: str,
        size: int,
        cursor: str | None = None,
        near: Near | None = None,
    ) -> None:
        self.ordering = ordering
        self.size = size
        self.column = ordering.removeprefix("-")
        self._backwards: bool = False
        self._position: Any = None
        if cursor:
            self._backwards, self._position = _read(cursor, ordering, queryset)
        self.descending = ordering.startswith("-") != self._backwards
        self.rows = self._ordered(queryset)[: size + 1]
        self._near = None if near is None else self._within(near)[: size + 1]

    def read(self, reader: Callable[[QuerySet], list[Any]] = list) -> Page:
        """The page. `reader` reads `rows`, in their order, as objects with the ordered column and `id`."""
        found = [] if self._near is None else reader(self._near)
        return self._page(found if len(found) > self.size else reader(self.rows))

    def _ordered(self, queryset: QuerySet) -> QuerySet:
        if self._position is not None:
            beyond = TupleLessThan if self.descending else TupleGreaterThan
            queryset = queryset.filter(beyond(Tuple(F(self.column), F("id")), self._position))
        sign = "-" if self.descending else ""
        return queryset.order_by(f"{sign}{self.column}", f"{sign}id")

    def _within(self, near: Near) -> QuerySet:
        """Not beyond the last of the next rows of the table: one read of the index says which that is."""
        model = near.rows.model
        rows = self._ordered(model.objects.all()).values_list(self.column, "id")[: near.reach]
        table, column = model._meta.db_table, model._meta.get_field(self.column).column
        text, params = rows.query.sql_with_params()
        beyond, back = (">=", "") if self.descending else ("<=", " DESC")
        last = f"SELECT * FROM ({text}) AS reach (key, id) ORDER BY key{back}, id{back} LIMIT 1"  # noqa: S608
        here = f'("{table}"."{column}", "{table}".id)'
        reached = RawSQL(f"{here} {beyond} ({last})", params, output_field=BooleanField())  # noqa: S611
        return self._ordered(near.rows.filter(reached))

    def _page(self, rows: list[Any]) -> Page:
        more = len(rows) > self.size
        rows = rows[: self.size]
        if self._backwards:
            rows.reverse()
        has_next, has_previous = (True, more) if self._backwards else (more, self._position is not None)
        return Page(
            rows=rows,
            next=_write(self.ordering, False, rows[-1], self.column) if rows and has_next else None,
            previous=_write(self.ordering, True, rows[0], self.column) if rows and has_previous else None,
        )


def keyset(
    queryset: QuerySet, *, ordering: str, size: int, cursor: str | None = None, near: Near | None = None
) -> Page:
    """The page of `queryset` after (or before) `cursor`; see Keyset."""
    return Keyset(queryset, ordering=ordering, size=size, cursor=cursor, near=near).read()


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
    field = queryset.model._meta.get_field(ordering.removeprefix("-"))
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, backwards, value, pk = json.loads(raw)
        if made_for != ordering:
            raise ValueError(made_for)
        return bool(backwards), (field.to_python(value), queryset.model._meta.pk.to_python(pk))
    except (ValueError, TypeError, ValidationError, binascii.Error) as error:
        raise Invalid({"cursor": [_("This cursor does not belong to this list.")]}) from error
