"""In which spaces a contact is. The room `upstream` knows; it says at the start of the program how to ask."""

from collections.abc import Callable

from django.db.models import QuerySet

from enterprises.actors import Actor

Seats = Callable[[Actor], QuerySet | None]

_registered: list[Seats] = []


def register(seats: Seats) -> None:
    """`seats(actor)`: one row for each contact and space that this actor knows of, each contact in each space once.

    The rows have `contact_id`, `space_id` and `space_name`. None for somebody who may not know of spaces.
    """
    _registered[:] = [seats]


def seats(actor: Actor) -> QuerySet | None:
    """What was registered."""
    return _registered[0](actor)
