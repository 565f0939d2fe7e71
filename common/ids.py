"""Identifiers: UUIDv7, so that keys arrive in the order of their making."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7 as uuid7  # re-exported: the one generator of ids

# Crockford's alphabet without vowels: codes that cannot be misread and spell nothing.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxyz"


def short_code(length: int = 8) -> str:
    """A random code for URLs, unguessable enough not to collide (28^8), not a secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def parse_uuid(value: object) -> UUID | None:
    """The UUID that `value` spells, or None: ids from outside are never trusted to be well formed."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        return None


def made_at(uuid: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((uuid.int >> 80) / 1000, UTC)
