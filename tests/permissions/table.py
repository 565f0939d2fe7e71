"""Every route and who may use it: one row for each route and method. A route without a row fails the test.

`{contact}` in a path is the id of the world's contact, and says whom it is visible to (`SEEN_BY`). Who lacks the
permission code gets 403, who does not see the thing 404, everybody else the row's status. `but` names exceptions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.permissions.world import OURS, World

Body = dict[str, Any] | Callable[[World], dict[str, Any]] | None
EVERYBODY = frozenset(OURS)

SEEN_BY = {
    "contact": frozenset({"follower", "owner", "graded_in", "admin"}),
    "archived": frozenset({"owner", "graded_in", "admin"}),
    "group": frozenset({"owner", "graded_in", "admin"}),
    "job": frozenset({"admin"}),
    "open_job": frozenset({"admin"}),
    "failed_job": frozenset({"admin"}),
    "notification": frozenset({"admin"}),
    "token": frozenset({"admin"}),
}


@dataclass(frozen=True)
class Row:
    """A method of a route. `ok`: what those get who may (a tuple when it depends on the page's form)."""

    method: str
    path: str
    needs: str | None = None
    ok: int | tuple[int, ...] = 200
    body: Body = None
    but: dict[str, int] = field(default_factory=dict)
    public: bool = False
    multipart: bool = False
    # The page itself needs less; the code is asked for where the thing was found already: 404 before 403.
    late: bool = False

    @property
    def kinds(self) -> list[str]:
        """The kinds of things that the path names."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def route(self) -> tuple[str, str]:
        """Method and path without names, for comparing with the resolver."""
        return self.method, "/".join("{}" if part.startswith("{") else part for part in self.path.split("/"))

    def seen_by(self, persona: str) -> bool:
        """Do the things in the path exist for this member?"""
        return all(persona in SEEN_BY.get(kind, EVERYBODY) for kind in self.kinds)

    def allowed(self, persona: str, codes: frozenset[str]) -> tuple[int, ...]:
        """What a member of the enterprise may get."""
        if persona in self.but:
            return (self.but[persona],)
        lacks = self.needs is not None and self.needs not in codes
        unseen = not self.seen_by(persona)
        if lacks and not (self.late and unseen):
            return (403,)
        return (404,) if unseen else self.good

    @property
    def good(self) -> tuple[int, ...]:
        """What those get who may."""
        return self.ok if isinstance(self.ok, tuple) else (self.ok,)

    def content(self, world: World) -> dict[str, Any]:
        """The body for a world."""
        return self.body(world) if callable(self.body) else (self.body or {})

    @property
    def names_things(self) -> bool:
        """Does the body name things of the world?"""
        return callable(self.body)
