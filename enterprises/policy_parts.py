"""What the policy's settings are made of: groups, texts, types with bounds."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from common.choices import Choice

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Group(Choice):
    """Where a setting stands on the policy page."""

    SCALE = "scale", _("Scale")
    ALERTS = "alerts", _("Alerts")
    SILENCE = "silence", _("Silent contacts")
    VALUE = "value", _("Value and activity")
    FOLLOW_UPS = "follow_ups", _("Follow-ups")
    SPACES = "spaces", _("Upstream and downstream")
    BATCHES = "batches", _("Batches")
    HANDOVER = "handover", _("Hand-over")
    COLLABORATION = "collaboration", _("Collaboration")
    TEAM = "team", _("Team board and duplicates")
    ACCESS = "access", _("Access")


class CustomerKind(Choice):
    """Interactions that come from the contact (C6); the full list of kinds is in `contacts.rules`."""

    MESSAGE_IN = "message_in", _("Message received")
    GROUP_MESSAGE = "group_message", _("Message in a group")
    MATERIAL_CLICK = "material_click", _("Opened a material")
    PURCHASE = "purchase", _("Purchase")
    REFUND = "refund", _("Refund")


@dataclass(frozen=True, slots=True)
class Text:
    """What people read about a setting. Annotates a field of `Policy`; pydantic ignores it."""

    group: Group
    label: "StrPromise"
    help: "StrPromise"


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One setting as forms and documents need it. `many`: a list of such values. Bounds are inclusive."""

    name: str
    type: type[int] | type[Decimal] | type[CustomerKind]
    many: bool
    default: Any
    minimum: int | Decimal | None
    maximum: int | Decimal | None
    group: Group
    label: "StrPromise"
    help: "StrPromise"


Places = Annotated[int, Field(ge=1, le=10_000_000)]
Days = Annotated[int, Field(ge=1, le=3650)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Money = Annotated[Decimal, Field(ge=0, le=Decimal("9999999999.99"), decimal_places=2)]


def unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    """The plain type and the constraints of a list's element."""
    if get_origin(annotation) is not Annotated:
        return annotation, []
    plain, *extras = get_args(annotation)
    return plain, [constraint for extra in extras for constraint in extra.metadata]
