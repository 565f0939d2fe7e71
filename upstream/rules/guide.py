"""Customer or partner, and which kind of group chat? The criteria as two pure functions; the console's guide asks them.

A person may be both: as a customer they are somebody's friend in WeChat, as a partner's person everybody of ours in the
space finds them by their company, and they read us in WeCom only.
"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import Policy
from upstream.rules.chats import RULES, ChatKind


class Relation(Choice):
    """What somebody from outside should be."""

    CUSTOMER = "customer", _("Customer")
    PARTNER = "partner", _("Partner in a space")
    BOTH = "both", _("Both: a customer, and a partner in a space")


class WhyRelation(Choice):
    """The criterion that decided."""

    CONSUMER = "consumer", _("They buy for themselves: a space is for companies.")
    NO_WECOM = (
        "no_wecom",
        _("They do not use WeCom, where alone partners read what is sent to them."),
    )
    ONE_CONTACT = (
        "one_contact",
        _("One of yours looks after them; in the space they stand with their company."),
    )
    COMPANY = "company", _("A company that several of yours work with: everybody in the space finds all of its people.")


def relation(*, company: bool, wecom: bool, several: bool) -> tuple[Relation, WhyRelation]:
    """The three criteria: do they act for a company, do they use WeCom, do several of ours work with them?"""
    if not company:
        return Relation.CUSTOMER, WhyRelation.CONSUMER
    if not wecom:
        return Relation.CUSTOMER, WhyRelation.NO_WECOM
    if not several:
        return Relation.BOTH, WhyRelation.ONE_CONTACT
    return Relation.PARTNER, WhyRelation.COMPANY


class Purpose(Choice):
    """What a group chat is for."""

    TALK = "talk", _("Small talk: people get to know each other, ask and answer")
    ANNOUNCE = "announce", _("Announcements: nobody shall be added or written to by others")


class WhyChat(Choice):
    """What decided, or what the chosen kind cannot do."""

    WECHAT = "wechat", _("Some use WeChat only; they can be in a customer group chat alone.")
    CLOSED = "closed", _("In a space's group chat nobody can add others or write to them privately.")
    LARGE = "large", _("So many people fit into a space's group chat only.")
    FRIENDS = "friends", _("In a customer group chat people add each other and go on talking.")
    NOT_APART = "not_apart", _("Nothing keeps people from adding each other there.")
    NO_FRIENDS = "no_friends", _("People cannot add each other there.")
    SEVERAL = "several", _("It does not hold so many people: make several.")


@dataclass(frozen=True)
class Advice:
    """Which kind suits, why, and what to mind."""

    kind: ChatKind
    why: WhyChat
    mind: tuple[WhyChat, ...] = ()


def chat(policy: Policy, *, purpose: Purpose, people: int, wechat: bool) -> Advice:
    """Small talk → customer group chat, a large closed one → space group chat; WeChat and size may overrule it."""
    holds = {kind: people <= rules.people(policy) for kind, rules in RULES.items()}
    if wechat:
        kind, why = ChatKind.CUSTOMER, WhyChat.WECHAT
    elif purpose == Purpose.ANNOUNCE:
        kind, why = ChatKind.SPACE, WhyChat.CLOSED
    elif not holds[ChatKind.CUSTOMER]:
        kind, why = ChatKind.SPACE, WhyChat.LARGE
    else:
        kind, why = ChatKind.CUSTOMER, WhyChat.FRIENDS
    mind = []
    if purpose == Purpose.ANNOUNCE and RULES[kind].befriend:
        mind.append(WhyChat.NOT_APART)
    if purpose == Purpose.TALK and not RULES[kind].befriend:
        mind.append(WhyChat.NO_FRIENDS)
    if not holds[kind]:
        mind.append(WhyChat.SEVERAL)
    return Advice(kind, why, tuple(mind))
