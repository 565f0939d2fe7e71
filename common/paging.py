"""Keyset pages: a stable total order, and page 1 000 costs what page 1 costs (DESIGN.md 7)."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, QuerySet
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


class Keyset:
    """A page of `queryset` after (or before) `cursor`, before it is read. Ordered columns must not be null.

    `rows` are up to `size` + 1 of them; `page` makes the page of what was read, in that order. Raises Invalid when
    the cursor is not one of ours or belongs to another ordering.
    """

    def __init__(self, queryset: QuerySet, *, ordering: str, size: int, cursor: str | None = None) -> None:
        self.ordering = ordering
        self.size = size
        self.column = ordering.removeprefix("-")
        self._backwards: bool = False
        self._position: Any = None
        if cursor:
            self._backwards, self._position = _read(cursor, ordering, queryset)
        self.descending = ordering.startswith("-") != self._backwards
        if self._position is not None:
            beyond = TupleLessThan if self.descending else TupleGreaterThan
            queryset = queryset.filter(beyond(Tuple(F(self.column), F("id")), self._position))
        sign = "-" if self.descending else ""
        self.rows = queryset.order_by(f"{sign}{self.column}", f"{sign}id")[: size + 1]

    def page(self, rows: list[Any]) -> Page:
        """The page of the rows read; they need the ordered column and `id`."""
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


def keyset(queryset: QuerySet, *, ordering: str, size: int, cursor: str | None = None) -> Page:
    """The page of `queryset` after (or before) `cursor`; see Keyset."""
    asked = Keyset(queryset, ordering=ordering, size=size, cursor=cursor)
    return asked.page(list(asked.rows))


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


def count(queryset: QuerySet, limit: int = EXACT_COUNT) -> Count:
    """Count exactly up to `limit`; beyond it ask the planner, which costs nothing."""
    counted = queryset.order_by()[: limit + 1].count()
    if counted <= limit:
        return Count(counted, exact=True)
    sql, params = queryset.order_by().values("id").query.sql_with_params()
    with connection.cursor() as db:
        db.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = db.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return Count(max(int(plan[0]["Plan"]["Plan Rows"]), limit + 1), exact=False)


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
