"""The ways on which a message reaches its people: a small port (U9).

The workbench is the one that is always there. A connection to WeCom registers another:

    register(WeComChannel())

and messages written for it go through `carry`, batch by batch, outside of any transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.errors import Text
from upstream.models import Message


@dataclass(frozen=True)
class Parcel:
    """One delivery on its way. Its id is the same when it is carried again, so that the far end can tell."""

    id: UUID
    person: UUID
    seat: UUID


class Channel(Protocol):
    """A way to partners' people."""

    name: str
    label: Text

    def carry(self, message: Message, parcels: Sequence[Parcel]) -> Mapping[UUID, str]:
        """Bring a batch; returns by parcel why it could not be brought. May use the network.

        Called again with the same parcels when the worker dies before their state is written: who carries them on
        must recognise their ids. To give up for now, raise; the job can be tried again.
        """
        ...


class Workbench:
    """People read it in their workbench, as soon as it counts as delivered: there is nothing to bring."""

    name = "workbench"
    label: Text = _("Workbench")

    def carry(self, message: Message, parcels: Sequence[Parcel]) -> Mapping[UUID, str]:
        """Nobody is missed."""
        return {}


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """Make a way known; messages name it."""
    _channels[channel.name] = channel


def get(name: str) -> Channel:
    """The way of this name. Raises KeyError when its room is not installed any more."""
    return _channels[name]


def choices() -> list[tuple[str, Text]]:
    """Names and labels of all ways."""
    return [(channel.name, channel.label) for channel in _channels.values()]


register(Workbench())
