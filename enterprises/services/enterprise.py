"""Changes to the enterprise itself: creation, verification, suspension, policy."""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from common import clock
from common.errors import Conflict, Invalid
from common.tenancy import tenant
from enterprises import audit, permissions
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member, PolicyRecord, Role, User
from enterprises.policy import Policy
from enterprises.policy_messages import messages
from enterprises.signals import enterprise_changed


def create_enterprise(
    *, name: str, admin: User, verified: bool = False, timezone: str = "Asia/Shanghai", via: str = "command"
) -> Enterprise:
    """Make an enterprise with its built-in roles and `admin` as its first super admin.

    Opens the new tenant's scope itself, as nothing of it exists before. Raises Invalid for an empty name or
    an unknown time zone.
    """
    if not name.strip():
        raise Invalid({"name": [_("Give the enterprise a name.")]})
    if timezone not in available_timezones():
        raise Invalid({"timezone": [_("This time zone is not known.")]})
    enterprise = Enterprise(
        name=name.strip()[:128],
        timezone=timezone,
        verified=verified,
        verified_at=clock.now() if verified else None,
    )
    with tenant(enterprise.pk):
        enterprise.save(force_insert=True)
        PolicyRecord.objects.create()
        roles = Role.objects.bulk_create(
            [
                Role(
                    name="超级管理员",
                    builtin=permissions.SUPER_ADMIN_ROLE,
                    scope=Role.Scope.ALL,
                    permissions=list(permissions.ALL),
                ),
                Role(
                    name="分级管理员",
                    builtin=permissions.GRADED_ADMIN_ROLE,
                    scope=Role.Scope.DEPARTMENTS,
                    permissions=list(permissions.GRADED_ADMIN),
                ),
                Role(
                    name="员工",
                    builtin=permissions.STAFF_ROLE,
                    scope=Role.Scope.RELATED,
                    permissions=list(permissions.STAFF),
                ),
            ]
        )
        member = Member.objects.create(
            user=admin,
            userid=admin.email.split("@")[0][:64],
            name=str(admin)[:64],
            email=admin.email,
            role=roles[0],
        )
        actor = Actor.of(enterprise, member, via)  # type: ignore[arg-type]
        audit.record(actor, "enterprise.created", enterprise, after={"name": name, "verified": verified})
        enterprise_changed.send(sender=Enterprise, enterprise=enterprise)
    return enterprise


def set_verified(actor: Actor, *, enterprise: Enterprise, verified: bool) -> None:
    """Record that WeCom certified the enterprise, or withdrew it (Q3). For the platform's operators."""
    before, after = audit.changes(enterprise, {"verified": verified})
    if not after:
        return
    enterprise.verified_at = clock.now() if verified else None
    enterprise.save(update_fields=["verified", "verified_at"])
    audit.record(
        actor,
        "enterprise.verified" if verified else "enterprise.unverified",
        enterprise,
        before=before,
        after=after,
    )
    enterprise_changed.send(sender=Enterprise, enterprise=enterprise)


def set_status(actor: Actor, *, enterprise: Enterprise, status: str) -> None:
    """Suspend an enterprise (nobody gets in, nothing is lost) or let it go on. For the platform's operators."""
    before, after = audit.changes(enterprise, {"status": Enterprise.Status(status).value})
    if not after:
        return
    enterprise.save(update_fields=["status"])
    active = enterprise.status == Enterprise.Status.ACTIVE
    audit.record(
        actor, "enterprise.resumed" if active else "enterprise.suspended", enterprise, before=before, after=after
    )


def policy() -> Policy:
    """The policy of the enterprise in scope."""
    return Policy.from_overrides(PolicyRecord.objects.get().overrides)


def update_policy(actor: Actor, *, values: dict[str, Any]) -> Policy:
    """Change some settings of the policy; None puts one back to its default. Raises Invalid per field."""
    actor.require("policy.manage")
    record = PolicyRecord.objects.select_for_update(no_key=True).get()
    old = Policy.from_overrides(record.overrides)
    merged = {**old.overrides(), **values}
    kept = {name: value for name, value in merged.items() if value is not None or name not in Policy.model_fields}
    try:
        new = Policy.from_overrides(kept)
    except ValidationError as error:
        raise Invalid(messages(error)) from error
    before, after = old.overrides(), new.overrides()
    if before == after:
        return new
    record.overrides = after
    record.updated_at = clock.now()
    record.version += 1
    record.save(update_fields=["overrides", "updated_at", "version"])
    audit.record(
        actor,
        "policy.changed",
        record,
        subject_type="policy",
        subject_label="policy",
        before=before,
        after=after,
    )
    enterprise_changed.send(sender=Enterprise, enterprise=actor.enterprise)
    return new


def rename_enterprise(actor: Actor, *, name: str, timezone: str) -> Enterprise:
    """Change the enterprise's name and time zone."""
    actor.require("policy.manage")
    if not name.strip():
        raise Invalid({"name": [_("Give the enterprise a name.")]})
    if timezone not in available_timezones():
        raise Invalid({"timezone": [_("This time zone is not known.")]})
    enterprise = actor.enterprise
    before, after = audit.changes(enterprise, {"name": name.strip()[:128], "timezone": timezone})
    if after:
        enterprise.version += 1
        enterprise.save(update_fields=[*after, "version"])
        audit.record(actor, "enterprise.changed", enterprise, before=before, after=after)
        enterprise_changed.send(sender=Enterprise, enterprise=enterprise)
    return enterprise


def zone(enterprise: Enterprise) -> tzinfo:
    """The time zone in which the enterprise's dates are decided."""
    return ZoneInfo(enterprise.timezone)


def builtin_role(code: str) -> Role:
    """A built-in role of the enterprise in scope."""
    role = Role.objects.filter(builtin=code).first()
    if role is None:
        raise Conflict(_("This built-in role is missing."), code="role_missing")
    return role
