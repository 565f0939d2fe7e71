"""Spaces that we have joined elsewhere, and how a partner of ours is connected (decision 0014).

What is of another enterprise comes from two functions of the database, which know the caller by the wall's setting.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from common import clock
from common.choices import Choice
from common.sql import dicts
from enterprises.actors import Actor
from upstream.models import Bridge, JoinedSpace, Partner, Share

SHOWN = 200  # rows of each list inside a joined space


@dataclass(frozen=True)
class Present:
    """What a joined space is at this moment."""

    space_name: str
    purpose: str
    partner_name: str
    people: int


@dataclass(frozen=True)
class OwnPerson:
    """Somebody of ours, as the other enterprise knows them."""

    name: str
    title: str
    leader: bool
    joined_at: datetime


@dataclass(frozen=True)
class SharedItem:
    """Something that is shared with us. `file`: where the file is kept, for the download alone."""

    id: UUID
    kind: str
    title: str
    note: str
    url: str
    starts_at: datetime | None
    created_at: datetime
    file_name: str
    size: int
    file: str

    @property
    def kind_label(self) -> Any:
        return Share.Kind(self.kind).label


@dataclass(frozen=True)
class Inside:
    """What we see of a joined space: our people, whom they may write to, what is shared; the others, if it is open.

    `cut`: the lists that have more than they show; a search finds the rest.
    """

    people: list[OwnPerson]
    contacts: list[tuple[str, str]]
    shares: list[SharedItem]
    partners: list[str]
    cut: tuple[str, ...] = ()


def joined(actor: Actor) -> QuerySet[JoinedSpace]:
    """The spaces that our enterprise has joined, ended ones included. Everybody who sees spaces sees them."""
    actor.require("spaces.view")
    return JoinedSpace.objects.select_related("host", "joined_by")


def present(joined: list[Any]) -> None:
    """Set `present` on each: what it is now, or None when it ended. One statement."""
    found = dicts("SELECT * FROM joined_spaces()") if joined else []
    now = {row.pop("joined"): Present(**row) for row in found}
    for one in joined:
        one.present = now.get(one.pk) if one.ended_at is None else None


def inside(joined: JoinedSpace, search: str = "", *, share: UUID | None = None) -> Inside | None:
    """What we see of it, or None when it ended or the other enterprise is suspended.

    `search`: only what has this in its name; `share`: of what is shared only this.
    """
    asked = {"wanted": joined.pk, "words": search.strip().replace("\0", ""), "share": share}
    found = dicts("SELECT * FROM joined_space(%(wanted)s, %(words)s, %(share)s)", asked)
    if not found:
        return None
    every = {name: json.loads(value) for name, value in found[0].items()}
    parts = {name: rows[:SHOWN] for name, rows in every.items()}
    return Inside(
        cut=tuple(name for name, rows in every.items() if len(rows) > SHOWN),
        people=[OwnPerson(**_moments(row)) for row in parts["people"]],
        contacts=[(row["name"], row["department"]) for row in parts["contacts"]],
        shares=[SharedItem(**{**_moments(row), "id": UUID(row["id"])}) for row in parts["shares"]],
        partners=parts["partners"],
    )


def shared_item(joined: JoinedSpace, pk: UUID) -> SharedItem | None:
    """One thing that is shared with us."""
    found = inside(joined, share=pk)
    return next(iter(found.shares), None) if found else None


class State(Choice):
    """How a partner is connected with an enterprise of its own."""

    NONE = "none", _("Not connected")
    OFFERED = "offered", _("Code made")
    CONNECTED = "connected", _("Connected")


@dataclass(frozen=True)
class Connection:
    """How a partner of ours is connected. `bridge`: what stands, a code or a connection."""

    state: State
    bridge: Bridge | None


def connection(partner: Partner) -> Connection:
    """How a partner of ours is connected; a code that expired counts for nothing."""
    standing = Bridge.objects.filter(partner=partner, ended_at=None).select_related("peer", "created_by").first()
    if standing is not None and standing.peer_id is not None:
        return Connection(State.CONNECTED, standing)
    if standing is not None and standing.expires_at > clock.now():
        return Connection(State.OFFERED, standing)
    return Connection(State.NONE, None)


def _moments(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its moments read."""
    return {name: parse_datetime(value) if name.endswith("_at") and value else value for name, value in row.items()}
