"""Set-based SQL: for work on many rows, where the ORM would carry each of them through Python."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Model, QuerySet


def execute(statement: str, params: Mapping[str, Any] | None = None) -> int:
    """Run one statement and return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def rows(statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def row(statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> tuple[Any, ...] | None:
    """Run one statement and return its first row, or None."""
    with connection.cursor() as cursor:
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
    statement, fields = _insertion(type(made), unless_there)
    values = [field.get_db_prep_save(field.pre_save(made, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        inserted = cursor.rowcount == 1
    if inserted:
        made._state.adding, made._state.db = False, connection.alias
    return inserted


@cache
def _insertion(model: type[Model], unless_there: bool) -> tuple[str, tuple[Field, ...]]:
    fields = tuple(field for field in model._meta.local_concrete_fields if not field.generated)
    columns = ", ".join(connection.ops.quote_name(field.attname) for field in fields)
    statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608
    return statement + (" ON CONFLICT DO NOTHING" if unless_there else ""), fields
