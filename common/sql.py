"""Set-based SQL: for work on many rows, where the ORM would carry each of them through Python."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)


def execute(statement: str, params: Mapping[str, Any] | None = None, *, planned: bool = False) -> int:
    """Run one statement and return the number of rows it touched.

    `planned`: the server keeps its plan. For statements that are run all day, in a text that is always the same, and
    for which one plan is right whatever the values are.
    """
    with _cursor(planned) as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def _cursor(planned: bool) -> CursorWrapper:
    return connection.planned_cursor() if planned else connection.cursor()  # type: ignore[attr-defined]


def rows(statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def row(
    statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None, *, planned: bool = False
) -> tuple[Any, ...] | None:
    """Run one statement and return its first row, or None. `planned`: as in `execute`."""
    with _cursor(planned) as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()


def dicts(statement: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Run one statement and return its rows by column name."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def subquery(queryset: QuerySet, name: str) -> tuple[str, dict[str, Any]]:
    """A queryset as text with named parameters (`name_0`, …), to stand in a statement of ours."""
    text, values = queryset.order_by().query.sql_with_params()
    params = {f"{name}_{number}": value for number, value in enumerate(values)}
    names = iter(params)
    named = re.sub(r"%%|%s", lambda found: found[0] if found[0] == "%%" else f"%({next(names)})s", text)
    return named, params


@cache
def columns(model: type[Model], alias: str, names: tuple[str, ...] = ()) -> str:
    """The columns of a model (or those of some fields) for a SELECT list; `instances` reads them back."""
    return ", ".join(f'{alias}."{field.column}"' for field in _fields(model, names))


def instances(values: Sequence[Any], *models: tuple[type[Model], tuple[str, ...]]) -> Iterator[Any]:
    """The objects that a row of `columns` of these models and fields, one after the other, holds.

    None for a row without a primary key; fields left out are read when somebody asks for them. For the few
    statements that every request runs: the ORM takes longer to write them than they take.
    """
    start = 0
    for model, wanted in models:
        names = [field.attname for field in _fields(model, wanted)]
        own = values[start : start + len(names)]
        start += len(names)
        missing = own[names.index(model._meta.pk.attname)] is None  # type: ignore[union-attr]
        yield None if missing else model.from_db(DEFAULT_DB_ALIAS, names, own)


@cache
def _fields(model: type[Model], names: tuple[str, ...]) -> list[Any]:
    """The fields of these attribute names and the primary key, in the order that `from_db` counts on."""
    fields = model._meta.concrete_fields
    return [field for field in fields if not names or field.attname in names or field.primary_key]


def lock(name: str) -> None:
    """Hold the lock of this name until the end of the transaction; waits for whoever holds it.

    For what only one may do at a time and no row stands for. Take it before rows, and read after it.
    """
    execute("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": name})


def joins_never_loop() -> None:
    """Until the end of the transaction, or `joins_may_loop`: for statements on a whole enterprise or a whole batch.

    The planner takes an enterprise that it has no statistics of, because it was filled just now, for one row; it
    would loop over the other side of a join for each row that it then finds, for hours.
    """
    execute("SET LOCAL enable_nestloop = off")


def joins_may_loop() -> None:
    """Again, before the transaction goes on with statements on few rows of large tables."""
    execute("SET LOCAL enable_nestloop = on")


def insert(made: Model, *, unless_there: bool = False) -> bool:
    """Insert one new row, as it stands; returns whether it was inserted.

    What `save` does after building its statement anew each time. `unless_there`: a row with the same unique key is
    left as it is, and the answer is False; somebody else's insert of it is waited for.
    """
    insertion = _insertion(type(made), unless_there)
    values = list(insertion.read(made))
    for position, field in insertion.prepared:
        values[position] = field.get_db_prep_save(values[position], connection)
    with _cursor(planned=True) as cursor:
        cursor.execute(insertion.statement, values)
        inserted = cursor.rowcount == 1
    if inserted:
        made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
    return inserted


class _Insertion(NamedTuple):
    statement: str
    read: Callable[[Model], tuple[Any, ...]]
    prepared: tuple[tuple[int, Field], ...]  # those whose values the driver does not take as they are, by position


_AS_THEY_ARE = (BooleanField, CharField, DateTimeField, ForeignKey, TextField, UUIDField)


@cache
def _insertion(model: type[Model], unless_there: bool) -> _Insertion:
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    columns = ", ".join(connection.ops.quote_name(field.attname) for field in fields)
    statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608
    return _Insertion(
        statement + (" ON CONFLICT DO NOTHING" if unless_there else ""),
        attrgetter(*(field.attname for field in fields)),
        tuple((position, field) for position, field in enumerate(fields) if not isinstance(field, _AS_THEY_ARE)),
    )
