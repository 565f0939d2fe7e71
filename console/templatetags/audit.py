"""How an entry of the audit trail reads: the action in words, and what was before and after."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from common.errors import Text
from enterprises.audit_actions import label
from enterprises.models import AuditEntry, Enterprise, Member, Role
from enterprises.permissions import PERMISSIONS
from enterprises.policy import Policy

register = template.Library()

# Names of what changes, where the code's own name is not what people say.
NAMES: dict[str, Text] = {
    "name": _("Name"),
    "userid": _("Account"),
    "email": _("E-mail"),
    "department": _("Department"),
    "role": _("Role"),
    "ranges": _("Manages"),
    "status": _("Status"),
    "parent": _("Belongs to"),
    "leader": _("Leader"),
    "position": _("Order"),
    "scope": _("Sees"),
    "permissions": _("Permissions"),
    "timezone": _("Time zone"),
    "verified": _("Verified"),
    "member": _("Member"),
    "days": _("Days"),
    "rows": _("Rows"),
    "created": _("Added"),
    "updated": _("Changed"),
    "unchanged": _("Unchanged"),
    "refused": _("Refused"),
    "owner": _("Owner"),
    "tags": _("Tags"),
    "grade": _("Grade"),
    "tier": _("Tier"),
    "price": _("Price"),
    "count": _("Count"),
    **{field.name: field.label for field in Policy.fields()},
}


_ORDER = {name: position for position, name in enumerate(NAMES)}

# Values that are codes, by the name of what they are a value of.
VALUES: dict[str, dict[str, Text]] = {
    "status": {
        **{one.value: one.label for one in Member.Status},
        **{one.value: one.label for one in Enterprise.Status},
    },
    "scope": {one.value: one.label for one in Role.Scope},
    "permissions": {code: one.label for code, one in PERMISSIONS.items()},
}
VIA: dict[str, Text] = {
    "console": _("Console"),
    "api": _("API"),
    "job": _("Job"),
    "command": _("Command line"),
    "platform": _("Back office"),
}


@dataclass(frozen=True)
class Change:
    """One line of an entry. For lists: what came and what went."""

    name: Text
    before: str = ""
    after: str = ""
    gone: tuple[str, ...] = ()
    come: tuple[str, ...] = ()


@register.filter
def action_label(entry: AuditEntry) -> Text:
    """What was done, in words."""
    return label(entry.action)


@register.filter
def via_label(entry: AuditEntry) -> Text:
    """Where it was done."""
    return VIA.get(entry.via, entry.via)


@register.filter
def subject_name(entry: AuditEntry) -> Text:
    """What it is about."""
    return _("Policy") if entry.subject_type == "policy" else entry.subject_label or entry.subject_type


@register.filter
def changes(entry: AuditEntry) -> list[Change]:
    """What differed, line by line. What the policy does not say is as by default."""
    keys = sorted({*entry.before, *entry.after}, key=lambda key: _ORDER.get(key, len(_ORDER)))
    default = Policy().model_dump(mode="json") if entry.subject_type == "policy" else {}
    found = [(key, *(side.get(key, default.get(key)) for side in (entry.before, entry.after))) for key in keys]
    return [_change(key, before, after) for key, before, after in found if before != after]


def _change(key: str, before: Any, after: Any) -> Change:
    name = NAMES.get(key, key)
    if isinstance(before, list) and isinstance(after, list) and key not in Policy.model_fields:
        gone = tuple(_text(key, one) for one in before if one not in after)
        return Change(name, gone=gone, come=tuple(_text(key, one) for one in after if one not in before))
    return Change(name, _text(key, before), _text(key, after))


def _text(key: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return ", ".join(_text(key, one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{NAMES.get(name, name)}: {_text(name, one)}" for name, one in value.items())
    return str(VALUES.get(key, {}).get(str(value), value))
