"""The settings of upstream and downstream: a part of the policy."""

from typing import Annotated

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field

from enterprises.policy_parts import Count, Days, Group, Text


class SpacesPolicy(BaseModel, frozen=True):
    """Limits of U1, windows of U7 and U11."""

    spaces: Annotated[
        Count,
        Text(Group.SPACES, _("Spaces"), _("How many spaces the enterprise may have.")),
    ] = 10
    space_partners: Annotated[
        Count, Text(Group.SPACES, _("Partners in a space"), _("How many partners a space holds."))
    ] = 1000
    partner_people: Annotated[
        Count, Text(Group.SPACES, _("People of a partner"), _("How many people a partner may have in a space."))
    ] = 10_000
    partner_leaders: Annotated[
        Count, Text(Group.SPACES, _("Leaders of a partner"), _("How many people of a partner may be its leaders."))
    ] = 5
    subgroup_levels: Annotated[
        Annotated[int, Field(ge=1, le=15)],
        Text(Group.SPACES, _("Levels of subgroups"), _("How deep the tree of subgroups in a space may be.")),
    ] = 9
    series_open_percent: Annotated[
        int,
        Field(ge=10, le=100),
        Text(
            Group.SPACES,
            _("Open the next space at (%)"),
            _("When a series is so full, its next space is opened."),
        ),
    ] = 90
    space_invitation_days: Annotated[
        Days,
        Text(Group.SPACES, _("Invitations into spaces (days)"), _("How long a new link or QR code works.")),
    ] = 30
    invitation_reminder_days: Annotated[
        Days,
        Text(Group.SPACES, _("Remind after (days)"), _("When inviters hear of customers who have not answered.")),
    ] = 3
    bridge_days: Annotated[
        Days,
        Text(
            Group.SPACES,
            _("Codes for partners' own systems (days)"),
            _("How long a code works by which a partner's enterprise connects itself."),
        ),
    ] = 14
    import_partners: Annotated[
        Count, Text(Group.SPACES, _("Partners in a file"), _("How many partners one import may contain."))
    ] = 1000
    import_partner_people: Annotated[
        int,
        Field(ge=1, le=10_000),
        Text(
            Group.SPACES, _("People of a partner in a file"), _("How many people of one partner an import may contain.")
        ),
    ] = 200
    import_people: Annotated[
        Count, Text(Group.SPACES, _("People in a file"), _("How many people one import of partners may contain."))
    ] = 2000
    workbench_days: Annotated[
        Days, Text(Group.SPACES, _("Workbench links (days)"), _("How long a partner's personal link works."))
    ] = 180
    space_chat_people: Annotated[
        Count,
        Text(Group.SPACES, _("People in a space group chat"), _("How many people it holds, your members included.")),
    ] = 2000
    customer_chat_people: Annotated[
        Count,
        Text(
            Group.SPACES,
            _("People in a customer group chat"),
            _("What WeCom allows; the guide to the two kinds of group chats goes by it."),
        ),
    ] = 500
