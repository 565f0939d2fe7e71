"""The demo: two enterprises whose past is played through the product's own services, at the moments it happened.

* `names`: words that people, companies and remarks are made of. `stage`: who acts, and when.
* `customers`: made-up people with what they bought and said. `retailer`, `platform`: the two stories;
  `connection`: where they meet.

The same numbers every time (seeded), told relative to today. No phone number in it can exist: none begins with 12.
"""

from collections.abc import Callable
from dataclasses import dataclass

from common import clock
from enterprises.models import User
from scrm.demo import connection, platform, retailer

PASSWORD = "demo-2026-scrm"  # noqa: S105 - printed on every start
OPERATOR = "operator@scrm.example"


@dataclass(frozen=True)
class LogIn:
    """Somebody who can log in with PASSWORD."""

    place: str
    role: str
    email: str


LOGINS = (
    LogIn(retailer.NAME, "super admin", retailer.ADMIN),
    LogIn(retailer.NAME, "graded admin of all five teams", retailer.email("guxiaotang")),
    LogIn(retailer.NAME, "graded admin of 华东", retailer.email("yesiqi")),
    LogIn(retailer.NAME, "graded admin of 华南", retailer.email("huangjiahao")),
    LogIn(retailer.NAME, "staff", retailer.email("chenjingyi")),
    LogIn(platform.NAME, "super admin", platform.ADMIN),
    LogIn(platform.NAME, "graded admin", f"fanlihua@{platform.DOMAIN}"),
    LogIn("/platform/", "operator of the installation", OPERATOR),
)


def exists() -> bool:
    """Is the demo there already (or was its making begun)?"""
    return User.objects.filter(email=retailer.ADMIN).exists()


def complete() -> bool:
    """Was it made to its end? (The operator comes last.)"""
    return User.objects.filter(email=OPERATOR).exists()


def create(say: Callable[[str], None], size: retailer.Size | None = None) -> None:
    """Make both enterprises and the platform's operator; `say` is told what is being done.

    `size`: of the retailer; tests take a smaller one.
    """
    now = clock.now()
    shop = retailer.play(now, PASSWORD, say, size)
    upstream = platform.play(now, PASSWORD, say)
    connection.connect(upstream, shop, now)
    User.objects.create_superuser(OPERATOR, PASSWORD, name="平台运营")
