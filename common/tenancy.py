"""Tenancy: the database is the wall (DESIGN.md 4), this is the door in it.

`with tenant(enterprise_id):` opens a transaction and tells PostgreSQL whose rows may be seen, for that
transaction only. The base view, the base API view and the base task open it; nothing else does.
Outside of it every manager raises NoTenant, and every statement on a tenant table fails in the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, models, transaction

from common.ids import uuid7

_current: ContextVar[UUID | None] = ContextVar("enterprise_id", default=None)


class NoTenant(RuntimeError):
    """Tenant data was touched outside of `tenant(...)`."""


def current_enterprise_id() -> UUID:
    """The enterprise whose scope is open. Raises NoTenant when none is."""
    enterprise_id = _current.get()
    if enterprise_id is None:
        raise NoTenant("No enterprise is in scope: open `with tenant(enterprise_id):` first.")
    return enterprise_id


@contextmanager
def tenant(enterprise_id: UUID) -> Iterator[None]:
    """Open the outermost transaction with the wall set to one enterprise.

    Scopes do not nest: one transaction serves one enterprise. SET LOCAL (not set_config) ends with the
    transaction, so it cannot leak through a pool, and reaches the workers of a sharded PostgreSQL.
    """
    if not isinstance(enterprise_id, UUID):
        raise TypeError("tenant() takes the enterprise's UUID.")
    if _current.get() is not None:
        raise RuntimeError("A tenant scope is open already; one transaction serves one enterprise.")
    token = _current.set(enterprise_id)
    # SET takes no bind parameters; the value is a UUID by type, so its text is safe.
    connection.opening = f"SET LOCAL app.enterprise_id = '{enterprise_id}'"  # type: ignore[attr-defined]
    try:
        with transaction.atomic(durable=True):
            _open_inside_outer_transaction()
            yield
            _close_inside_outer_transaction()
    finally:
        connection.opening = ""  # type: ignore[attr-defined]
        _current.reset(token)


def _open_inside_outer_transaction() -> None:
    """The setting went out with BEGIN, unless a test's own transaction was open already."""
    if connection.opening:  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(connection.opening)  # type: ignore[attr-defined]
        connection.opening = ""  # type: ignore[attr-defined]


def _close_inside_outer_transaction() -> None:
    """Put the wall back up when a test's own transaction goes on after the scope."""
    if len(connection.savepoint_ids) and not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL app.enterprise_id = ''")


class TenantQuerySet(models.QuerySet):
    """Querysets of tenant tables start from the enterprise in scope."""


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Adds `enterprise_id = …` itself: for the right index, and for the router of a sharded PostgreSQL."""

    use_in_migrations = False

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(enterprise_id=current_enterprise_id())


class TenantForeignKey(models.ForeignKey):
    """A reference inside one enterprise.

    The constraint is the composite (enterprise_id, x_id) → (enterprise_id, id), made by the migration
    operation TenantTable; so a row cannot point into another enterprise. No index of its own: indexes of
    tenant tables start with enterprise_id and are declared in Meta.
    """

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)


class TenantModel(models.Model):
    """A row of one enterprise."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    enterprise_id = models.UUIDField(default=current_enterprise_id, editable=False)

    objects: ClassVar[models.Manager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
