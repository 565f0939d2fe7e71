"""Reads of the two numbers (Q2): the difference by cause, who is behind each, and whom members are to delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from contacts.models import Follow, PlatformComparison, PlatformDifference
from contacts.queries import between
from contacts.rules import Status
from enterprises.actors import Actor
from quota import ledger
from quota.models import Account

Cause = PlatformDifference.Cause


@dataclass(frozen=True)
class Explanation:
    """WeCom's number, ours, and how many people each cause explains.

    `changed`: what no cause explains, because a number was typed in or contacts changed since they were compared.
    """

    account: Account
    comparison: PlatformComparison | None
    causes: list[tuple[Cause, int]]

    @property
    def difference(self) -> int | None:
        """How many more WeCom counts than we do; None while its number is not known."""
        if self.account.platform_served is None:
            return None
        return self.account.platform_served - self.account.served

    @property
    def explained(self) -> int:
        return sum(cause.sign * number for cause, number in self.causes)

    @property
    def changed(self) -> int | None:
        return None if self.difference is None else self.difference - self.explained


def explain(actor: Actor) -> Explanation:
    """The difference by cause. For roles that see the whole enterprise (O5)."""
    ledger.require_whole_enterprise(actor, "quota.view")
    comparison = PlatformComparison.objects.first()
    found = comparison.causes if comparison else {}
    return Explanation(Account.objects.get(), comparison, [(cause, found.get(cause.value, 0)) for cause in Cause])


def differences(actor: Actor, params: Mapping[str, Any]) -> QuerySet[PlatformDifference]:
    """The people behind the difference; `cause` narrows to one. Raises Invalid, Forbidden."""
    ledger.require_whole_enterprise(actor, "quota.view")
    cause = params.get("cause")
    if cause and cause not in Cause.values:
        raise Invalid({"cause": [_("Choose one of the offered values.")]})
    found = PlatformDifference.objects.all()
    return found.filter(cause=cause) if cause else found


def release_list(actor: Actor, params: Mapping[str, Any]) -> QuerySet[Follow]:
    """Whom which member is to delete in WeCom: archived here, counted there, still their friend.

    Among the contacts that the actor sees; `member`: only theirs. Raises Invalid for what is no id.
    """
    pending = PlatformDifference.objects.filter(cause=Cause.RELEASE_PENDING).values("contact_id")
    found = Follow.objects.filter(contact__in=pending, contact__status=Status.ARCHIVED)
    found = found.exclude(state=Follow.State.DELETED_BY_MEMBER).select_related("contact", "member")
    return between(found, actor, params)


def release_by_member(actor: Actor) -> list[tuple[UUID, str, int]]:
    """(id, name, number) of the members who have somebody to delete, the most first."""
    counted = release_list(actor, {}).order_by().values_list("member_id", "member__name").annotate(Count("id"))
    return sorted(counted, key=lambda one: (-one[2], one[1]))
