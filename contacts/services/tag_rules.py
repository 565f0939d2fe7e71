"""Tag rules (C13): keep them, try them, apply them, and say what they do to whom.

A rule is set-based: one statement for up to STEP contacts, repeated until nothing is left to do, so it can be
stopped and repeated anywhere. Rules apply in their order; a later rule leaves alone whom an earlier one of the
opposite effect on the same tag speaks about, so no night undoes what it did.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from common import clock, paging
from common.choices import Choice
from common.errors import Conflict, Invalid
from common.sql import execute, lock, rows, subquery
from common.tenancy import current_enterprise_id
from contacts.filters import ContactFilter
from contacts.models import Contact, Follow, FollowTag, Tag, TagRule
from contacts.rules import MOST_TAGS_OF_A_FOLLOW, Status, TagEffect, asked_tags, asking_another_tag, opposed
from contacts.services import tag_room
from contacts.services.steps import lock_all
from enterprises import audit
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun
from quota.ledger import require_whole_enterprise

JOB = "contacts.apply_tag_rule"
MOST_RULES = 50
STEP = 20_000
SAMPLE = 10


def require(actor: Actor) -> None:
    """Rules speak about every contact: they are for those who see every contact (O5)."""
    require_whole_enterprise(actor, "tags.manage")


def save(
    actor: Actor,
    *,
    rule: TagRule | None = None,
    name: str,
    conditions: Mapping[str, Any],
    effect: str,
    tag: Tag,
    active: bool = False,
    position: int | None = None,
) -> TagRule:
    """Make a rule, or change it. Raises Invalid for conditions that make no sense, Conflict name_taken."""
    require(actor)
    made = rule is None
    if rule is None:
        # Serves as a lock on the number and the order of rules: two at once wait here.
        lock(f"rules:{current_enterprise_id()}")
        last = TagRule.objects.order_by("-position").values_list("position", flat=True).first()
        if TagRule.objects.count() >= MOST_RULES:
            raise Conflict(_("There are %(limit)s rules at most.") % {"limit": MOST_RULES}, code="too_many_rules")
        rule = TagRule(position=1 if last is None else last + 1, created_at=clock.now())
    if not 1 <= len(name.strip()) <= 64:
        raise Invalid({"name": [_("A name has 1 to 64 characters.")]})
    if effect not in set(TagEffect):
        raise Invalid({"effect": [_("Choose one of the offered values.")]})
    wanted = {
        "name": name.strip(),
        "conditions": checked(actor, conditions),
        "effect": TagEffect(effect).value,
        "tag": tag,
        "active": active,
        "position": rule.position if position is None else position,
    }
    if made:
        before: dict[str, Any] = {}
        after = wanted
        for field, value in wanted.items():
            setattr(rule, field, value)
    else:
        before, after = audit.changes(rule, wanted)
    if after:
        rule.version += not made
        try:
            with transaction.atomic():
                rule.save(force_insert=made)
        except IntegrityError as error:
            raise Conflict(_("There is one of this name already."), code="name_taken") from error
        audit.record(actor, "tag_rule.created" if made else "tag_rule.edited", rule, before=before, after=after)
    return rule


def delete(actor: Actor, *, rule: TagRule, take_off: bool = False) -> int:
    """Delete a rule. `take_off`: with what it put on. Returns how many taggings were taken off."""
    require(actor)
    taggings = FollowTag.objects.filter(rule=rule)
    gone = taggings._raw_delete("default") if take_off else 0
    taggings.update(rule=None)
    TagRule.objects.filter(pk=rule.pk).delete()
    audit.record(actor, "tag_rule.deleted", rule, before={"name": rule.name, "tag": rule.tag.name, "taken_off": gone})
    return gone


def checked(actor: Actor, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions as they are kept. Raises Invalid; a rule without any would speak about everybody."""
    params = ContactFilter.from_params(conditions, _nobody(actor)).params
    if not params:
        raise Invalid({"conditions": [_("Give at least one condition.")]})
    if any("me" in value for value in params.values() if isinstance(value, list)):
        raise Invalid({"conditions": [_("A rule is nobody's own: name the members.")]})
    return params


# --- Whom a rule speaks about -----------------------------------------------------------------------------


def matching(actor: Actor, rule: TagRule, earlier: Iterable[TagRule] = ()) -> QuerySet[Contact]:
    """The contacts that the rule speaks about: they answer its conditions, and none of the earlier active rules of
    the opposite effect on its tag."""
    found = _answering(actor, rule).exclude(status=Status.LOST)
    for other in earlier:
        if other.active and other.tag_id == rule.tag_id and opposed(rule.effect, other.effect):
            found = found.exclude(Exists(_answering(actor, other).filter(pk=OuterRef("pk"))))
    return found


def before(rule: TagRule, rules: Iterable[TagRule]) -> list[TagRule]:
    """Those of the rules that apply before this one."""
    return [other for other in rules if (other.position, other.pk) < (rule.position, rule.pk)]


@dataclass(frozen=True)
class Trial:
    """What applying a rule would do now. `changes`: contacts that would get or lose the tag; `refused`: those that
    would get it, and whose relation wears as many tags as WeCom takes; `removes`: those that a rule that keeps would
    take it off again. `contacts`: some of those that would change."""

    matching: paging.Count
    changes: paging.Count
    refused: paging.Count
    removes: paging.Count
    contacts: list[Contact]


def try_out(actor: Actor, *, rule: TagRule) -> Trial:
    """The rule on all contacts as they are, without writing anything."""
    require(actor)
    found = matching(actor, rule, before(rule, TagRule.objects.all()))
    worn = Exists(FollowTag.objects.filter(contact_id=OuterRef("pk"), tag_id=rule.tag_id))
    changes: QuerySet
    if rule.effect == TagEffect.UNTAG:
        changes = found.filter(worn)
    else:
        changes = found.filter(Exists(_follows())).exclude(worn)
    refused: QuerySet = Contact.objects.none()
    removes = Contact.objects.none()
    # Nobody can wear more tags than there are, which spares nearly every enterprise from counting.
    if rule.effect != TagEffect.UNTAG and Tag.objects.count() >= MOST_TAGS_OF_A_FOLLOW:
        counted: QuerySet = _counted(changes)
        refused = counted.filter(worn__gte=MOST_TAGS_OF_A_FOLLOW)
        changes = counted.filter(worn__lt=MOST_TAGS_OF_A_FOLLOW)
    if rule.effect == TagEffect.KEEP and not rule._state.adding:
        own = Exists(FollowTag.objects.filter(contact_id=OuterRef("pk"), rule_id=rule.pk))
        removes = Contact.objects.filter(own).exclude(pk__in=found.values("pk"))
    return Trial(
        matching=paging.count(found),
        changes=paging.count(changes),
        refused=paging.count(refused),
        removes=paging.count(removes),
        contacts=list(changes.select_related("owner").order_by("-added_at", "-id")[:SAMPLE]),
    )


# --- Applying ---------------------------------------------------------------------------------------------


def start(actor: Actor, *, rule: TagRule) -> JobRun:
    """Queue the rule's application now; every night all active ones are applied anyway."""
    require(actor)
    return jobs.enqueue(actor, name=JOB, params={"rule": str(rule.pk)})


def apply(actor: Actor, *, rule: TagRule) -> tuple[int, int]:
    """Apply a rule to up to STEP contacts; returns how many taggings were put on and taken off. (0, 0): done."""
    contacts, params = subquery(
        matching(actor, rule, before(rule, TagRule.objects.all())).values("id", "enterprise_id", "owner_id"), "chosen"
    )
    params |= {
        "enterprise": current_enterprise_id(),
        "tag": rule.tag_id,
        "rule": rule.pk,
        "step": STEP,
        "active": "active",
    }
    put = taken = 0
    if rule.effect != TagEffect.UNTAG:
        put = _put_on(contacts, params)
    if rule.effect == TagEffect.UNTAG:
        taken = execute(_TAKE_OFF.format(contacts=contacts, which="", but=""), params)
    elif rule.effect == TagEffect.KEEP:
        taken = execute(_TAKE_OFF.format(contacts=contacts, which="AND worn.rule_id = %(rule)s", but="NOT"), params)
    if put or taken:
        audit.record(actor, "tag_rule.applied", rule, after={"tag": rule.tag.name, "put": put, "taken": taken})
    TagRule.objects.filter(pk=rule.pk).update(applied_at=clock.now())
    return put, taken


def _put_on(contacts: str, params: dict[str, Any]) -> int:
    """Who is to wear it is found without a lock, since most nights that is nobody; asked again behind the locks."""
    found = rows(f"SELECT contact.id {_can_wear(contacts)} LIMIT %(step)s", params)
    chosen = [contact for (contact,) in found]
    lock_all(chosen)
    return execute(
        f"""
        INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id, rule_id)
        SELECT uuid7(), %(enterprise)s, target.id, contact.id, %(tag)s, %(rule)s {_can_wear(_CHOSEN)}
        ON CONFLICT DO NOTHING
        """,
        {**params, "chosen": chosen},
    )


def _can_wear(contacts: str) -> str:
    """SQL: those of the contacts that the rule's tag can be put on, each with `target`, the relation to tag.

    A tag belongs to a follow (C13): the owner's, else the oldest. Who wears it by anybody's hand is left alone, and
    so is a relation that wears as many tags as WeCom takes.
    """
    return f"""
        FROM ({contacts}) AS contact CROSS JOIN LATERAL (
            SELECT follow.id FROM contacts_follow AS follow WHERE follow.enterprise_id = contact.enterprise_id
               AND follow.contact_id = contact.id AND follow.state = %(active)s
            ORDER BY follow.member_id IS DISTINCT FROM contact.owner_id, follow.added_at, follow.id
            LIMIT 1) AS target
        WHERE NOT EXISTS (SELECT FROM contacts_followtag AS worn WHERE worn.enterprise_id = contact.enterprise_id
            AND worn.contact_id = contact.id AND worn.tag_id = %(tag)s)
        AND {tag_room.beside("target.id")} > 0"""  # noqa: S608 - SQL of ours


_CHOSEN = """SELECT id, enterprise_id, owner_id FROM contacts_contact
    WHERE enterprise_id = %(enterprise)s AND id = ANY (%(chosen)s::uuid[])"""
_TAKE_OFF = """
DELETE FROM contacts_followtag AS gone WHERE gone.enterprise_id = %(enterprise)s AND gone.id IN (
    SELECT worn.id FROM contacts_followtag AS worn
    WHERE worn.enterprise_id = %(enterprise)s AND worn.tag_id = %(tag)s {which}
      AND {but} EXISTS (SELECT FROM ({contacts}) AS chosen WHERE chosen.id = worn.contact_id)
    LIMIT %(step)s)
"""


# --- What rules do to each other, and to a contact --------------------------------------------------------


class Trouble(Choice):
    """How two rules get into each other's way."""

    OPPOSED = "opposed", _("They want opposite things of the same tag; the first one decides for these contacts.")
    LATE = "late", _("It asks for a tag that a later rule sets: it follows a night later.")
    CIRCLE = "circle", _("Each asks for the tag that the other sets: they may go on and off every night.")


@dataclass(frozen=True)
class Finding:
    """Two active rules that get into each other's way; `contacts`: about how many contacts, where that is known."""

    trouble: Trouble
    rule: TagRule
    other: TagRule
    contacts: paging.Count | None = None


def conflicts(actor: Actor) -> list[Finding]:
    """Everything wrong between the active rules."""
    require(actor)
    rules = list(TagRule.objects.filter(active=True).select_related("tag"))
    return list(_findings(actor, rules))


def _findings(actor: Actor, rules: list[TagRule]) -> Iterator[Finding]:
    for number, rule in enumerate(rules):
        for later in rules[number + 1 :]:
            if rule.tag_id == later.tag_id and opposed(rule.effect, later.effect):
                both = _answering(actor, rule).filter(Exists(_answering(actor, later).filter(pk=OuterRef("pk"))))
                if (count := paging.count(both.exclude(status=Status.LOST))).value:
                    yield Finding(Trouble.OPPOSED, rule, later, count)
            if rule.tag_id != later.tag_id and str(later.tag_id) in asked_tags(rule.conditions):
                circle = str(rule.tag_id) in asked_tags(later.conditions)
                yield Finding(Trouble.CIRCLE if circle else Trouble.LATE, rule, later)


@dataclass(frozen=True)
class Verdict:
    """What a rule says about a contact: does it speak about it, and if not, which earlier one decided?"""

    rule: TagRule
    answers: bool
    decided_by: TagRule | None = None

    @property
    def speaks(self) -> bool:
        return self.answers and self.decided_by is None


def explain(actor: Actor, contact: Contact) -> list[Verdict]:
    """What every active rule says about this contact, in one query however many rules there are."""
    rules = list(TagRule.objects.filter(active=True).select_related("tag"))
    if not rules:
        return []
    system = _nobody(actor)
    asked = {f"rule_{n}": Exists(_answering(system, rule).filter(pk=OuterRef("pk"))) for n, rule in enumerate(rules)}
    answers = Contact.objects.filter(pk=contact.pk).annotate(**asked).values(*asked).get()
    verdicts: list[Verdict] = []
    for number, rule in enumerate(rules):
        found = answers[f"rule_{number}"] and contact.status != Status.LOST
        earlier = next(
            (
                one.rule
                for one in verdicts
                if found and one.answers and one.rule.tag_id == rule.tag_id and opposed(one.rule.effect, rule.effect)
            ),
            None,
        )
        verdicts.append(Verdict(rule, found, earlier))
    return verdicts


def forget_tag(tag: Tag, into: Tag) -> None:
    """After a merge: rules that name the tag name the other one."""
    TagRule.objects.filter(tag=tag).update(tag=into, version=F("version") + 1)
    for rule in TagRule.objects.all():
        if str(tag.pk) in asked_tags(rule.conditions):
            rule.conditions = asking_another_tag(rule.conditions, str(tag.pk), str(into.pk))
            rule.version += 1
            rule.save(update_fields=["conditions", "version"])


def _answering(actor: Actor, rule: TagRule) -> QuerySet[Contact]:
    return ContactFilter.from_params(rule.conditions, _nobody(actor)).queryset()


def _nobody(actor: Actor) -> Actor:
    """Rules look at all contacts, whoever asks."""
    return Actor.system(actor.enterprise)


def _counted(contacts: QuerySet) -> QuerySet:
    """With `worn`: how many tags the relation wears that a rule would tag."""
    first = Case(When(member_id=OuterRef("owner_id"), then=0), default=1)
    target = Subquery(_follows().alias(first=first).order_by("first", "added_at", "id").values("pk")[:1])
    worn = FollowTag.objects.filter(follow_id=OuterRef("target")).order_by().values("follow_id")
    return contacts.alias(target=target).alias(
        worn=Coalesce(Subquery(worn.annotate(number=Count("id")).values("number")), 0)
    )


def _follows() -> QuerySet:
    return Follow.objects.filter(contact_id=OuterRef("pk"), state=Follow.State.ACTIVE)
