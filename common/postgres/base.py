"""Django's PostgreSQL backend, but for four things.

* In the database the primary key of a tenant table is (enterprise_id, id), so PostgreSQL does not know that `id`
  alone decides the row and refuses `GROUP BY id` with other columns selected. Django must name them all.
* A transaction begins with what the tenant scope has to say, in one message to the server instead of two.
* A connection that served a request a moment ago is not asked again whether it is alive.
* `planned_cursor` lets the server parse and plan a statement once for the connection, not each time.
"""

import time
from typing import Any

from django.db.backends.postgresql import base, features, operations
from django.db.backends.utils import CursorWrapper

IDLE = 5.0  # seconds after which a kept connection is checked before it is used


class DatabaseFeatures(features.DatabaseFeatures):
    allows_group_by_selected_pks = False


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """With its values, for whoever looks at statements: those of a planned cursor went beside it."""
        if isinstance(cursor, base.ServerBindingCursor):
            return self.compose_sql(sql, params)
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opening = ""  # goes out with the next BEGIN
        self.released_at = float("-inf")

    def _start_transaction_under_autocommit(self) -> None:
        """Called by Django instead of letting the driver send BEGIN with the first statement."""
        opening, self.opening = self.opening, ""
        with self.cursor() as cursor:
            cursor.execute(f"BEGIN; {opening}" if opening else "BEGIN")

    def planned_cursor(self) -> CursorWrapper:
        """For statements whose text is always the same; inside a transaction only.

        Values go beside the statement, which the server keeps. Behind a transaction pooler it cannot, and plans anew.
        """
        return self._prepare_cursor(base.ServerBindingCursor(self.connection))  # type: ignore[attr-defined, call-arg]

    def close_if_unusable_or_obsolete(self) -> None:
        super().close_if_unusable_or_obsolete()
        self.released_at = time.monotonic()

    def close_if_health_check_failed(self) -> None:
        if time.monotonic() - self.released_at < IDLE:
            self.health_check_done = True
        super().close_if_health_check_failed()
