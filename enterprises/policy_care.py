"""The part of the policy that is about keeping contacts: warnings, clean-up, tags, follow-ups."""

from typing import Annotated

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field

from enterprises.policy_parts import Days, Group, Text


class ContactCare(BaseModel, frozen=True):
    """Settings that `enterprises.policy.Policy` takes over as they are."""

    silence_warning_days: Annotated[
        Days,
        Text(
            Group.SILENCE,
            _("Warn before silence (days)"),
            _("How many days before a contact becomes inactive its owner is warned."),
        ),
    ] = 30
    buyer_warning_days: Annotated[
        Days,
        Text(
            Group.SILENCE,
            _("Warn of quiet buyers after (days)"),
            _("A frequent buyer from whom nothing came for this long is shown as a warning."),
        ),
    ] = 60
    valued_warning_days: Annotated[
        Days,
        Text(
            Group.SILENCE,
            _("Warn of valuable contacts left alone after (days)"),
            _("A contact of high or middle value whom nobody was in contact with for this long is shown as a warning."),
        ),
    ] = 60
    veto_days: Annotated[
        int,
        Field(ge=0, le=90),
        Text(
            Group.SILENCE,
            _("Objections to a clean-up (days)"),
            _("How long owners may keep contacts that a clean-up would archive; with 0 it archives at once."),
        ),
    ] = 7
    dead_tag_days: Annotated[
        Days,
        Text(
            Group.VALUE,
            _("Dead tags after (days)"),
            _("A tag that was put on nobody for this long is reported as dead."),
        ),
    ] = 180
    attachment_mb: Annotated[
        int,
        Field(ge=1, le=100),
        Text(Group.FOLLOW_UPS, _("Largest attachment (MB)"), _("How large a file of a follow-up may be.")),
    ] = 10
    attachments: Annotated[
        int,
        Field(ge=0, le=50),
        Text(Group.FOLLOW_UPS, _("Attachments"), _("How many files one follow-up may have.")),
    ] = 9
