"""How many spaces, partners and people fit (U1): one conditional update on the row that counts them decides (Q10).

The limits are policy; a smaller one takes nothing away, it only lets nobody else in.
"""

from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.sql import insert
from common.tenancy import current_enterprise_id
from enterprises.services import policy
from upstream.models import Partner, Space, SpaceAccount, SpaceChat


class LimitReached(Conflict):
    """There is no room for more. Says how many there are and may be."""

    code = "limit_reached"
    title = _("It is full")


def take_space() -> None:
    """Count one space more. Raises LimitReached."""
    limit = policy().spaces
    insert(SpaceAccount(id=current_enterprise_id()), unless_there=True)
    if not SpaceAccount.objects.filter(spaces__lt=limit).update(spaces=F("spaces") + 1):
        used = SpaceAccount.objects.values_list("spaces", flat=True).get()
        raise LimitReached(
            _("There are %(used)s spaces; more than %(limit)s are not possible.") % {"used": used, "limit": limit},
            what="spaces",
            used=used,
            limit=limit,
        )


def free_spaces() -> int:
    """How many more spaces fit; only for showing and for asking early."""
    used = SpaceAccount.objects.values_list("spaces", flat=True).first() or 0
    return max(0, policy().spaces - used)


def give_back_space() -> None:
    """Count one space less."""
    SpaceAccount.objects.update(spaces=F("spaces") - 1)


def take_partner(space: Space) -> None:
    """Count one partner more in the space. Raises LimitReached."""
    limit = policy().space_partners
    if not _raise(Space, space.pk, "partner_count", 1, limit):
        raise LimitReached(
            _("“%(space)s” is full: it holds %(limit)s partners.") % {"space": space.name, "limit": limit},
            what="partners",
            used=_used(Space, space.pk, "partner_count"),
            limit=limit,
        )


def give_back_partner(space_id: Any) -> None:
    """Count one partner less in the space."""
    Space.objects.filter(pk=space_id).update(partner_count=F("partner_count") - 1)


def take_people(partner: Partner, number: int = 1) -> None:
    """Count so many people more of the partner. Raises LimitReached."""
    limit = policy().partner_people
    if not _raise(Partner, partner.pk, "contact_count", number, limit):
        raise LimitReached(
            _("“%(partner)s” is full: a partner has at most %(limit)s people.")
            % {"partner": partner.name, "limit": limit},
            what="people",
            used=_used(Partner, partner.pk, "contact_count"),
            limit=limit,
        )


def give_back_people(partner_id: Any, number: int = 1) -> None:
    """Count so many people less of the partner."""
    Partner.objects.filter(pk=partner_id).update(contact_count=F("contact_count") - number)


def take_chat_places(chat: SpaceChat, number: int) -> None:
    """Count so many people more in the group chat. Raises LimitReached."""
    limit = policy().space_chat_people
    if not _raise(SpaceChat, chat.pk, "people", number, limit):
        raise LimitReached(
            _("“%(chat)s” is full: a group chat of a space holds %(limit)s people.")
            % {"chat": chat.name, "limit": limit},
            what="chat",
            used=_used(SpaceChat, chat.pk, "people"),
            limit=limit,
        )


def _raise(model: type[Any], pk: Any, column: str, number: int, limit: int) -> bool:
    """The guard: whoever had to wait for the row re-reads the row, and nothing else takes part in the decision."""
    fits = {f"{column}__lte": limit - number}
    return bool(model.objects.filter(pk=pk, **fits).update(**{column: F(column) + number}))


def _used(model: type[Any], pk: Any, column: str) -> int:
    return model.objects.values_list(column, flat=True).get(pk=pk)
