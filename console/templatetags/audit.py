"""How an entry of the audit trail reads: the action in words, and what was before and after."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django import template
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from common.errors import Text
from console.tag_rules import RuleForm
from console.words import NAMES, VALUES
from contacts.files.reasons import Reason as RowReason
from contacts.rules import Grade
from contacts.services.bulk import Reason as BulkReason
from enterprises.audit_actions import label
from enterprises.models import AuditEntry
from enterprises.policy import Policy
from jobs import notifications, registry

register = template.Library()

_ORDER = {name: position for position, name in enumerate(NAMES)}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")

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
    if entry.subject_type == "policy":
        return _("Policy")
    if entry.subject_label in registry.JOBS:
        return registry.label(entry.subject_label)
    model = _models().get(entry.subject_type)
    return entry.subject_label or (capfirst(model._meta.verbose_name) if model else entry.subject_type)


@register.filter
def changes(entry: AuditEntry) -> list[Change]:
    """What differed, line by line, without ids and what is nothing on both sides.

    What the policy does not say is as by default.
    """
    keys = sorted({*entry.before, *entry.after}, key=lambda key: _ORDER.get(key, len(_ORDER)))
    default = Policy().model_dump(mode="json") if entry.subject_type == "policy" else {}
    found = [(key, *(side.get(key, default.get(key)) for side in (entry.before, entry.after))) for key in keys]
    read = _Reader(_models().get(entry.subject_type))
    differ = [
        read.change(key, before, after)
        for key, before, after in found
        if (before or None) != (after or None) and not _is_id(before or after)
    ]
    return [change for change in differ if change.before != change.after or change.gone or change.come]


@cache
def _models() -> dict[str, type[Model]]:
    """By the name that entries call them."""
    return {str(model._meta.model_name): model for model in apps.get_models()}


@dataclass(frozen=True)
class _Reader:
    """Reads keys and values of an entry about a thing of this model."""

    model: type[Model] | None

    def change(self, key: str, before: Any, after: Any) -> Change:
        name = self.name(key)
        if isinstance(before, list) and isinstance(after, list) and key not in Policy.model_fields:
            gone = tuple(self.text(key, one) for one in before if one not in after)
            return Change(name, gone=gone, come=tuple(self.text(key, one) for one in after if one not in before))
        return Change(name, self.text(key, before), self.text(key, after))

    def name(self, key: str) -> Text:
        """In words of ours, of the model's field, of the question a filter asks, or of a notification."""
        if key in NAMES:
            return NAMES[key]
        if field := self._field(key):
            return capfirst(str(field.verbose_name))
        if (asked := RuleForm.base_fields.get(key)) and asked.label:
            return asked.label
        return self._code(key, key)

    def text(self, key: str, value: Any) -> str:
        if value is None or value in ("", [], {}):
            return "—"
        if isinstance(value, bool):
            return str(_("yes") if value else _("no"))
        if isinstance(value, list):
            ids = [one for one in value if _is_id(one)]
            return str(len(ids)) if ids else ", ".join(self.text(key, one) for one in value)
        if isinstance(value, dict):
            parts = {name: one for name, one in value.items() if not _is_id(one) and one not in (None, "", [], {})}
            if key == "params":  # of a job: most are for the program
                parts = {name: one for name, one in parts.items() if self.name(name) != name}
            return " · ".join(f"{self.name(name)} {self.text(name, one)}" for name, one in parts.items()) or "—"
        if isinstance(value, str) and _MOMENT.match(value):
            moment = datetime.fromisoformat(value)
            return f"{timezone.localtime(moment) if moment.tzinfo else moment:%Y-%m-%d %H:%M}"
        return str(self._code(key, str(value)))

    def _code(self, key: str, value: str) -> Text:
        """The words of a code; of what is none, itself."""
        if key in ("events", "event"):
            return notifications.label(value)
        field = self._field(key)
        choices = dict(field.flatchoices) if field else {}
        known: dict[str, Text] = {**VALUES.get(key, {}), **choices}
        return known.get(value) or _CODES.get(value, value)

    def _field(self, key: str) -> Field | None:
        try:
            field = self.model._meta.get_field(key) if self.model else None
        except FieldDoesNotExist:
            return None
        return field if isinstance(field, Field) else None


# Keys that are codes themselves.
_CODES: dict[str, Text] = {one.value: one.label for kind in (Grade, RowReason, BulkReason) for one in kind}


def _is_id(value: Any) -> bool:
    """Ids say nothing to people."""
    try:
        return isinstance(value, str) and len(value) == 36 and bool(UUID(value))
    except ValueError:
        return False
