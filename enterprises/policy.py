"""The policy of an enterprise: every number and window of the domain, with default, bounds and help text.

Rules take a `Policy` as an argument and never know a number themselves. Stored is only what an enterprise
changed (`Policy.overrides`), so a better default reaches everybody who left it alone. To add a number, add a
field here: the console's form, the API and the documentation all iterate over `Policy.fields`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Self, get_args, get_origin

from annotated_types import Ge, Le
from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from enterprises.policy_care import ContactCare
from enterprises.policy_parts import Count, CustomerKind, Days, Group, Money, Places, PolicyField, Text, unwrap
from enterprises.policy_spaces import SpacesPolicy

__all__ = ["CustomerKind", "Group", "Policy", "PolicyField"]


class Policy(ContactCare, SpacesPolicy, frozen=True, extra="forbid", validate_default=True):
    """The typed policy record of one enterprise. `Policy()` is the default policy."""

    free_unverified: Annotated[
        Places,
        Text(
            Group.SCALE,
            _("Scale without verification"),
            _("How many contacts an enterprise may serve before it is verified, whatever it has bought."),
        ),
    ] = 100
    free_verified: Annotated[
        Places,
        Text(
            Group.SCALE,
            _("Free scale"),
            _("How many contacts a verified enterprise may serve without a package."),
        ),
    ] = 2000
    renewal_window_days: Annotated[
        int,
        Field(ge=1, le=365),
        Text(
            Group.SCALE,
            _("Renewal window (days)"),
            _("How many days before its end a package can be renewed."),
        ),
    ] = 90
    reply_window_hours: Annotated[
        int,
        Field(ge=1, le=720),
        Text(
            Group.SCALE,
            _("Reply window (hours)"),
            _("How long a message may still be replied to while the enterprise is over its scale."),
        ),
    ] = 48
    forecast_days: Annotated[
        int,
        Field(ge=30, le=365),
        Text(
            Group.SCALE,
            _("Forecast (days)"),
            _("How far ahead the number of contacts is forecast."),
        ),
    ] = 180
    forecast_least_days: Annotated[
        int,
        Field(ge=42, le=365),
        Text(
            Group.SCALE,
            _("Forecast from (days of history)"),
            _("With fewer days since the first contact nothing is forecast: a guess would pass for knowledge."),
        ),
    ] = 56
    forecast_confidence: Annotated[
        int,
        Field(ge=50, le=99),
        Text(
            Group.SCALE,
            _("Interval of the forecast (%)"),
            _("In how many of 100 cases the number should lie within the interval that is shown."),
        ),
    ] = 90
    alert_thresholds: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], ...],
        Text(
            Group.ALERTS,
            _("Alert at (% of the scale)"),
            _("Shares of the scale at which admins are alerted, ascending."),
        ),
    ] = (80, 90, 95, 100)
    alert_hysteresis: Annotated[
        int,
        Field(ge=0, le=50),
        Text(
            Group.ALERTS,
            _("Calm again below (points)"),
            _("How many percentage points below a threshold the scale must fall before it can alert again."),
        ),
    ] = 2
    alert_days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=365)], ...],
        Text(
            Group.ALERTS,
            _("Alert before expiry (days)"),
            _("How many days before a package ends admins are alerted, descending."),
        ),
    ] = (90, 30, 7, 1)
    webhook_overlap_hours: Annotated[
        int,
        Field(ge=1, le=720),
        Text(
            Group.ALERTS,
            _("Old secret of a webhook (hours)"),
            _("How long the old secret of a webhook signs beside the new one after it was changed."),
        ),
    ] = 24
    delivery_days: Annotated[
        Days,
        Text(
            Group.ALERTS,
            _("Keep the delivery log (days)"),
            _("How long it can be seen which mails and webhook calls went out, and what came of them."),
        ),
    ] = 30
    inactive_days: Annotated[
        Days,
        Text(
            Group.SILENCE,
            _("Silent after (days)"),
            _("A contact known for this long, with nothing coming from it for as long, is inactive."),
        ),
    ] = 180
    inactive_kinds: Annotated[
        tuple[CustomerKind, ...],
        Field(min_length=1),
        Text(
            Group.SILENCE,
            _("What counts as a sign of life"),
            _("Kinds of interaction from the contact's side that end its silence."),
        ),
    ] = tuple(CustomerKind)
    spend_window_days: Annotated[
        Days,
        Text(
            Group.VALUE,
            _("Spending window (days)"),
            _("Purchases and refunds of this many days count for value grade and activity."),
        ),
    ] = 365
    grade_high: Annotated[
        Money,
        Text(
            Group.VALUE,
            _("High value from (CNY)"),
            _("Spending in the window from which a contact is of high value."),
        ),
    ] = Decimal(5000)
    grade_middle: Annotated[
        Money,
        Text(
            Group.VALUE,
            _("Middle value from (CNY)"),
            _("Spending in the window from which a contact is of middle value; below it is of low value."),
        ),
    ] = Decimal(1000)
    frequent_purchases: Annotated[
        int,
        Field(ge=1, le=1000),
        Text(
            Group.VALUE,
            _("Frequent buyer from (purchases)"),
            _("Purchases in the spending window that make a frequent buyer; by default one a quarter."),
        ),
    ] = 4
    undo_days: Annotated[
        int,
        Field(ge=1, le=365),
        Text(
            Group.BATCHES,
            _("Undo (days)"),
            _("How long a batch, such as archiving a selection, can be undone."),
        ),
    ] = 30
    job_file_days: Annotated[
        Days,
        Text(
            Group.BATCHES,
            _("Keep files (days)"),
            _("How long uploaded files and reports of ended jobs are kept; they hold customers' data."),
        ),
    ] = 30
    job_days: Annotated[
        Days,
        Text(Group.BATCHES, _("Keep jobs (days)"), _("How long ended jobs and notifications are kept.")),
    ] = 180
    interaction_days: Annotated[
        int,
        Field(ge=0, le=3650),
        Text(Group.BATCHES, _("Keep interactions (days)"), _("Older messages, clicks and calls go; 0: they stay.")),
    ] = 0
    transfer_wait_hours: Annotated[
        int,
        Field(ge=0, le=720),
        Text(
            Group.HANDOVER,
            _("Time to decline (hours)"),
            _("How long a contact may decline an on-job hand-over before it takes effect."),
        ),
    ] = 24
    transfer_limit: Annotated[
        int,
        Field(ge=1, le=100),
        Text(
            Group.HANDOVER,
            _("On-job hand-overs per contact"),
            _("How often a contact may be handed over on the job within the window below."),
        ),
    ] = 2
    transfer_days: Annotated[
        Days,
        Text(
            Group.HANDOVER,
            _("Window of on-job hand-overs (days)"),
            _("The natural days in which hand-overs of a contact are counted."),
        ),
    ] = 90
    taker_limit: Annotated[
        int,
        Field(ge=1, le=200_000),
        Text(
            Group.HANDOVER,
            _("Customers per member"),
            _("How many customers a member may have; a hand-over gives nobody more."),
        ),
    ] = 5000
    pool_warn_days: Annotated[
        int,
        Field(ge=1, le=365),
        Text(
            Group.HANDOVER,
            _("Warn about unassigned contacts after (days)"),
            _("Admins are told when what somebody left behind has waited for so long."),
        ),
    ] = 3
    answer_minutes: Annotated[
        Count, Text(Group.TEAM, _("Answered quickly (minutes)"), _("An answer within this time is a quick one."))
    ] = 30
    answer_hours: Annotated[
        Count, Text(Group.TEAM, _("Answered in time (hours)"), _("The response rate counts answers within this time."))
    ] = 24
    radar_days: Annotated[
        Days, Text(Group.TEAM, _("In touch lately (days)"), _("Such a follower is suggested as a duplicate's owner."))
    ] = 90
    collaborators_max: Annotated[
        Count,
        Text(Group.COLLABORATION, _("Collaborators per contact"), _("Open invitations included; roles may differ.")),
    ] = 3
    collaboration_invitation_days: Annotated[
        Days,
        Text(Group.COLLABORATION, _("Invitations to collaborate (days)"), _("How long one can be accepted.")),
    ] = 14
    collaboration_warning_days: Annotated[
        Days,
        Text(Group.COLLABORATION, _("Tell before a collaboration ends (days)"), _("Owner and collaborator are told.")),
    ] = 3
    invitation_days: Annotated[
        int,
        Field(ge=1, le=90),
        Text(
            Group.ACCESS,
            _("Invitations (days)"),
            _("How long the link of an invitation to become a member works."),
        ),
    ] = 7
    token_days: Annotated[
        Days,
        Text(Group.ACCESS, _("API tokens (days)"), _("The longest validity that a new API token can be given.")),
    ] = 365

    @field_validator("free_verified")
    @classmethod
    def _verification_never_costs_places(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("free_unverified", value):
            raise PydanticCustomError("free_order", "below free_unverified")
        return value

    @field_validator("alert_thresholds")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(left >= right for left, right in pairwise(value)):
            raise PydanticCustomError("ascending", "not ascending")
        return value

    @field_validator("alert_days")
    @classmethod
    def _descending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(left <= right for left, right in pairwise(value)):
            raise PydanticCustomError("descending", "not descending")
        return value

    @field_validator("inactive_kinds")
    @classmethod
    def _each_once_in_order(cls, value: tuple[CustomerKind, ...]) -> tuple[CustomerKind, ...]:
        """A set written in one way, so that equal policies are stored equally."""
        return tuple(kind for kind in CustomerKind if kind in value)

    @field_validator("interaction_days")
    @classmethod
    def _silence_is_known(cls, value: int, info: ValidationInfo) -> int:
        """What is forgotten must be older than what decides who is silent (C7)."""
        if 0 < value <= info.data.get("inactive_days", 0):
            raise PydanticCustomError("interaction_order", "not longer than inactive_days")
        return value

    @field_validator("grade_middle")
    @classmethod
    def _below_high(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if value >= info.data.get("grade_high", value + 1):
            raise PydanticCustomError("grade_order", "not below grade_high")
        return value

    @classmethod
    def from_overrides(cls, overrides: Mapping[str, Any]) -> Self:
        """The policy that differs from the default by `overrides` (JSON or form values).

        Raises pydantic's `ValidationError`; `policy_messages` makes it readable.
        """
        return cls.model_validate(dict(overrides))

    def overrides(self) -> dict[str, Any]:
        """What differs from the default, as JSON values; `from_overrides` reads it back."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """This policy with some settings replaced, checked as a whole. Raises `ValidationError`."""
        return self.from_overrides({**self.overrides(), **changes})

    @classmethod
    def fields(cls) -> Iterator[PolicyField]:
        """Every setting with its texts and bounds, in the order of the page."""
        groups = list(Group)
        texts = {
            name: next(entry for entry in info.metadata if isinstance(entry, Text))
            for name, info in cls.model_fields.items()
        }
        for name, text in sorted(texts.items(), key=lambda entry: groups.index(entry[1].group)):
            info = cls.model_fields[name]
            annotation: Any = info.annotation
            metadata = info.metadata
            many = get_origin(annotation) is tuple
            if many:
                annotation, metadata = unwrap(get_args(annotation)[0])
            yield PolicyField(
                name=name,
                type=annotation,
                many=many,
                default=info.default,
                minimum=next((entry.ge for entry in metadata if isinstance(entry, Ge)), None),  # type: ignore[arg-type]
                maximum=next((entry.le for entry in metadata if isinstance(entry, Le)), None),  # type: ignore[arg-type]
                group=text.group,
                label=text.label,
                help=text.help,
            )
