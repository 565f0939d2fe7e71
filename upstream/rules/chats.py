"""The two kinds of group chats with people from outside, and what each allows (U10).

Both are called "group" by everybody and behave in opposite ways, so all that differs stands in one table: `RULES`, with
the source of each: the platform's help on 上下游群, its documents on customer group chats, and the comparison of
2022-11-11 that the product follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Text
from enterprises.policy import Policy
from upstream.rules.visibility import Ours, Theirs, World, decide


class ChatKind(Choice):
    """Which of the two."""

    CUSTOMER = "customer", _("Customer group chat")
    SPACE = "space", _("Space group chat")


@dataclass(frozen=True)
class KindRules:
    """What holds in a group chat of one kind. Read by the services, the API, the console and the guide."""

    kind: ChatKind
    outsiders: Text
    befriend: bool  # may the people from outside add each other
    private_chat: bool  # … and write to each other privately
    wechat_users: bool  # may somebody be in it who uses WeChat only
    joining_joins_space: bool  # can it be set up so that who joins the chat joins the space
    read_receipts: bool
    mass_messages: bool  # can a mass message go to the chat itself
    creator: Text
    created_in: Text
    served: bool  # do its outsiders take places of the scale (Q1)
    source: str

    def people(self, policy: Policy) -> int:
        """How many people it holds, ours included."""
        return policy.space_chat_people if self.kind == ChatKind.SPACE else policy.customer_chat_people


RULES: Mapping[ChatKind, KindRules] = {
    ChatKind.CUSTOMER: KindRules(
        kind=ChatKind.CUSTOMER,
        outsiders=_("Customers, and whom they bring along"),
        befriend=True,
        private_chat=True,
        wechat_users=True,
        joining_joins_space=False,
        read_receipts=False,
        mass_messages=True,
        creator=_("Each member of ours, with the permission to manage group chats"),
        created_in=_("WeCom: the “+” at a contact, also at a partner's"),
        served=True,
        source="developer.work.weixin.qq.com/document/path/98429",
    ),
    ChatKind.SPACE: KindRules(
        kind=ChatKind.SPACE,
        outsiders=_("People of partners in one space"),
        befriend=False,
        private_chat=False,
        wechat_users=False,
        joining_joins_space=True,
        read_receipts=True,
        mass_messages=False,
        creator=_("A member of ours who is in the space"),
        created_in=_("WeCom: Workbench → upstream and downstream group chats"),
        served=False,
        source="weixinsiwei.com/?id=8308",
    ),
}


class Unfit(Choice):
    """Why somebody cannot be in a space group chat with the others."""

    NOT_IN_SPACE = "not_in_space", _("Not in this space")
    OTHER_SUBGROUP = "other_subgroup", _("The group chat is for another subgroup")
    CLOSED = "closed", _("Partners do not see each other here: one partner for each group chat, or open the space")
    NO_CONTACT = "no_contact", _("Does not correspond with all members of ours in the group chat")


@dataclass(frozen=True)
class Misfit:
    """A partner, or a member of ours, who cannot be in the chat, and why."""

    who: UUID
    why: Unfit


def misfits(
    world: World, members: Iterable[UUID], partners: Iterable[UUID], subgroup: UUID | None = None
) -> list[Misfit]:
    """Who cannot be in one chat with the others: whoever is in it learns of all the others, so all must see each
    other (U6). Of those who do not go together, the later ones are named."""
    ours: list[Ours] = []
    found: list[Misfit] = []
    for pk in members:
        if pk in world.members:
            ours.append(world.members[pk])
        else:
            found.append(Misfit(pk, Unfit.NOT_IN_SPACE))
    first: Theirs | None = None
    named = frozenset(pk for rule in world.rules for pk in rule.partners)
    meets: dict[tuple[frozenset[UUID], UUID | None], bool] = {}  # partners that no rule tells apart are decided once
    for pk in partners:
        theirs = world.partners.get(pk)
        if theirs is None:
            found.append(Misfit(pk, Unfit.NOT_IN_SPACE))
        elif subgroup is not None and subgroup not in theirs.subgroups:
            found.append(Misfit(pk, Unfit.OTHER_SUBGROUP))
        elif first is not None and not decide(world, first, theirs).visible:
            found.append(Misfit(pk, Unfit.CLOSED))
        else:
            sort = (theirs.subgroups, pk if pk in named else None)
            if sort not in meets:
                meets[sort] = all(decide(world, theirs, one).visible for one in ours)
            if meets[sort]:
                first = first or theirs
            else:
                found.append(Misfit(pk, Unfit.NO_CONTACT))
    return found
