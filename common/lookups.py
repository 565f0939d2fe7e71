"""Look-ups that use their index behind the wall.

Under row-level security PostgreSQL uses an index only for leakproof operators; LIKE is none, so `startswith`
reads the whole table. `~>=~` and `~<~` are (DESIGN.md 4).
"""

from typing import Any

from django.db.models import CharField, Lookup

_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def after_prefix(prefix: str) -> str | None:
    """The smallest text after all that begin with `prefix`, by code point; None when there is none."""
    for position in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[position]) + 1
        if code in _SURROGATES:
            code = _SURROGATES.stop
        if code <= _LAST:
            return prefix[:position] + chr(code)
    return None


@CharField.register_lookup
class Prefix(Lookup):
    """`name__prefix="王"`: begins with, case-sensitive, served by an index with varchar_pattern_ops."""

    lookup_name = "prefix"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        end = after_prefix(str(self.rhs))
        if end is None:
            return f"{column} ~>=~ %s", (*params, self.rhs)
        return f"({column} ~>=~ %s AND {column} ~<~ %s)", (*params, self.rhs, *params, end)
