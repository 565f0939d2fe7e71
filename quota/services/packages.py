"""Packages: buying and expiry; and the number of served contacts that WeCom reports."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, Refusal
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy, zone
from quota import notices, queries, rules
from quota.models import Account, Package
from quota.services.places import refresh_account, settle

MOST_SERVED = queries.MOST_SERVED


def buy_package(actor: Actor, *, tier: int, kind: str, order_no: str = "") -> Package:
    """Record a bought package: a purchase, a renewal or an upgrade (Q3 to Q6). Payment is outside.

    Refusals say when the window opens, or which tiers are large enough. An order number is recorded once.
    """
    actor.require("quota.buy")
    try:
        wanted = rules.PackageKind(kind)
    except ValueError as error:
        raise Invalid({"kind": [_("Choose purchase, renewal or upgrade.")]}) from error
    enterprise = actor.enterprise
    account = Account.objects.select_for_update(no_key=True).get()  # two purchases at once: one after the other
    now = clock.now()
    if order_no and (known := Package.objects.filter(order_no=order_no).first()):
        raise Conflict(_("This order number is recorded already."), code="order_recorded", package=known.pk)
    offered = queries.prices(queries.today(enterprise, now))
    offer = rules.check(
        wanted,
        tier,
        packages=queries.packages(),
        served=account.served,
        now=now,
        tiers=tuple(offered),
        policy=policy(),
        zone=zone(enterprise),
    )
    if isinstance(offer, rules.Refused):
        raise Refusal(offer.detail, code=offer.code, **offer.extra)
    package = Package.objects.create(
        tier=offer.tier,
        price=offered[tier].price,
        kind=offer.kind,
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        order_no=order_no,
        recorded_at=now,
    )
    refresh_account(enterprise)
    audit.record(
        actor,
        "package.recorded",
        package,
        subject_label=f"{offer.kind} {offer.tier}",
        after={
            "tier": tier,
            "kind": kind,
            "price": package.price,
            "starts_at": package.starts_at,
            "ends_at": package.ends_at,
            "order_no": order_no,
        },
    )
    return package


def record_expiry(actor: Actor) -> list[Package]:
    """Write down which packages have ended since last time, and tell the admins.

    Decides nothing: capacity fell at the very second (Q7). Safe to repeat, late or twice at once (X6). Returns
    the packages that were written down now.
    """
    account = settle(actor.enterprise)  # locked: one run after the other
    now = clock.now()
    ended = list(Package.objects.filter(ends_at__lte=now, expired_at=None).order_by("ends_at", "id"))
    Package.objects.filter(pk__in=[package.pk for package in ended]).update(expired_at=now)
    for package in ended:
        audit.record(
            actor,
            "package.expired",
            package,
            subject_label=f"{package.kind} {package.tier}",
            after={"ends_at": package.ends_at, "capacity": account.capacity, "served": account.served},
        )
        notices.package_expired(package, account)
    return ended


def record_platform_served(actor: Actor, *, served: int, at: datetime | None = None) -> Account:
    """Keep the number that WeCom shows (Q2). It only informs; places are decided by the managed number.

    Raises Invalid for impossible numbers or times, Conflict when a newer report is known.
    """
    actor.require("quota.buy")
    if not 0 <= served <= MOST_SERVED:
        raise Invalid({"served": [_("Enter a number from 0 to 10 000 000.")]})
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get()
        at = at or clock.now()
        if at > clock.now():
            raise Invalid({"at": [_("This time lies in the future.")]})
        if account.platform_at is not None and at < account.platform_at:
            raise Conflict(_("A newer number is known."), code="newer_known", platform_at=account.platform_at)
        before, after = audit.changes(account, {"platform_served": served, "platform_at": at})
        account.save(update_fields=["platform_served", "platform_at"])
        audit.record(actor, "platform.recorded", account, subject_label="WeCom", before=before, after=after)
    return account
