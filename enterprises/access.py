"""From a person to an enterprise: who belongs where, asked before any tenant is in scope."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.errors import Forbidden, NotFound
from common.ids import parse_uuid
from common.sql import dicts
from enterprises.actors import Actor, Via
from enterprises.models import Enterprise, Member, User


@dataclass(frozen=True)
class Membership:
    """A user's place in one enterprise, as the log-in needs it."""

    enterprise_id: UUID
    code: str
    name: str
    role: str


def memberships(user: User) -> list[Membership]:
    """The active memberships of a user in active enterprises, by name.

    Answered by a SECURITY DEFINER function: the only reader of members across enterprises, and it tells a
    user nothing but where they themselves belong.
    """
    found = dicts(
        "SELECT enterprise_id, code, name, role FROM memberships_of(%(user)s) ORDER BY name, enterprise_id",
        {"user": user.pk},
    )
    return [Membership(**row) for row in found]


def find_enterprise(reference: str) -> Enterprise:
    """The enterprise with this id or code. Raises NotFound for unknown ones."""
    enterprise_id = parse_uuid(reference)
    query = {"pk": enterprise_id} if enterprise_id else {"code": reference}
    enterprise = Enterprise.objects.filter(**query).first()
    if enterprise is None:
        raise NotFound()
    return enterprise


_ids: dict[str, UUID] = {}


def enterprise_id_of(code: str) -> UUID | None:
    """The id of the enterprise with this code, None for unknown ones.

    Neither ever changes, so each process asks once. Whether the enterprise still is what it was is asked of its row.
    """
    known = _ids.get(code)
    if known is None:
        known = Enterprise.objects.filter(code=code).values_list("pk", flat=True).first()
        if known is not None:
            if len(_ids) >= 100_000:
                _ids.clear()
            _ids[code] = known
    return known


def member_actor(enterprise: Enterprise, user: User, via: Via, **origin: str | None) -> Actor:
    """The user acting in this enterprise; the tenant must be in scope.

    Raises NotFound when the user does not belong there (the enterprise does not exist for them, O5), and
    Forbidden when it is suspended.
    """
    member = Member.objects.select_related("role").filter(user_id=user.pk, status=Member.Status.ACTIVE).first()
    if member is None:
        raise NotFound()
    if enterprise.status != Enterprise.Status.ACTIVE:
        raise suspended()
    return Actor.of(enterprise, member, via, **origin)


def suspended() -> Forbidden:
    """What everybody of a suspended enterprise is told."""
    return Forbidden(_("This enterprise is suspended. Please contact the platform."), code="enterprise_suspended")
