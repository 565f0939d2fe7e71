"""In which spaces a contact is. The room `upstream` knows; it says at the start of the program how to ask."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from common.sql import rows
from contacts.models import Contact
from enterprises.actors import Actor

Seats = Callable[[Actor], tuple[str, tuple[Any, ...]] | None]

_registered: list[Seats] = []


def register(seats: Seats) -> None:
    """`seats(actor)`: one row for each contact and space that this actor knows of, each contact in each space once.

    A SELECT, as every page of contacts asks it, of the contact's id, the space's id and its name; and its parameters.
    None for somebody who may not know of spaces.
    """
    _registered[:] = [seats]


def seats(actor: Actor) -> tuple[str, tuple[Any, ...]] | None:
    """What was registered."""
    return _registered[0](actor)


def of(actor: Actor, contact: Contact) -> list[tuple[UUID, str]]:
    """The spaces, with their names, in which the contact is, as far as the actor knows of them."""
    asked = seats(actor)
    if asked is None:
        return []
    statement, params = asked
    return rows(
        f"""SELECT seats.space, seats.name FROM ({statement}) AS seats (contact, space, name)
            WHERE seats.contact = %s ORDER BY seats.name, seats.space""",  # noqa: S608 - of the room upstream
        (*params, contact.pk),
    )
