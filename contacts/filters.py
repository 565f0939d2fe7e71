"""The one filter of contacts: lists, counts, bulk work and exports ask the same questions in the same words.

A filter is JSON (`params`): it stands in addresses, in the parameters of jobs and in saved views, and
`ContactFilter.from_params` makes it again. Whoever makes it sees through it only what is visible to them (O5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Self
from uuid import UUID

import django_filters
from django import forms
from django.db.models import BooleanField as BooleanColumn
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from common import clock, paging
from common.errors import Invalid
from common.ids import parse_uuid
from contacts import search, spaces
from contacts.models import CleanUp, CleanUpItem, Contact, Follow, FollowTag, Grant, GroupMember
from contacts.querysets import members_of_departments
from contacts.rules import Activity, Grade, Relation, Status
from contacts.sight import Sight, date_added
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone

MANY = 50
UNSURE = frozenset({"relation", "came_by"})  # ask who has no friend (of a kind); statistics do not know that
# What lists may be ordered by, and the column behind each.
ORDERINGS = {"added_at": "added_at", "last_contact_at": "last_contact_at", "spend": "spend_cents", "name": "name"}


class ListWidget(forms.Widget):
    """Several values: repeated, separated by commas, or a JSON list."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str] | None:
        given = data.getlist(name) if isinstance(data, QueryDict) else data.get(name)
        if given in (None, [], ""):
            return None
        values = given if isinstance(given, (list, tuple)) else [given]
        return [part.strip() for value in values for part in str(value).split(",") if part.strip()]


class ListField(forms.Field):
    """Values of a set, each once. `choices`: what there is; without it, ids and the given `words`."""

    widget = ListWidget

    def __init__(self, *, choices: Iterable[Any] | None = None, words: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.known = None if choices is None else {str(choice) for choice in choices}
        self.words = words
        kwargs.pop("lookup_expr", None)
        super().__init__(**kwargs)

    def to_python(self, value: list[str] | None) -> list[str]:
        if not value:
            return []
        if len(value) > MANY:
            raise forms.ValidationError(_("Name at most %(many)s."), params={"many": MANY})
        return list(dict.fromkeys(self._one(one) for one in value))

    def _one(self, value: str) -> str:
        if value in self.words or (self.known is not None and value in self.known):
            return value
        if self.known is None and (uuid := parse_uuid(value)):
            return str(uuid)
        raise forms.ValidationError(_("“%(value)s” is not one of the possible values."), params={"value": value[:64]})


class BooleanField(forms.Field):
    """true, false, 1 or 0; nothing else passes for a yes."""

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        word = str(value).lower()
        if word not in ("true", "false", "1", "0"):
            raise forms.ValidationError(_("Say true or false."))
        return word in ("true", "1")


class MomentField(forms.Field):
    """A calendar day of the enterprise, or a moment in ISO 8601; kept as it was written."""

    def to_python(self, value: Any) -> str | None:
        if value in (None, ""):
            return None
        text = value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip()
        if _parsed(text) is None:
            raise forms.ValidationError(_("Write a day as YYYY-MM-DD or a moment as YYYY-MM-DDThh:mm:ssZ."))
        return text


class NumberField(forms.IntegerField):
    """A whole number that can be reckoned with."""

    most = 1_000_000_000

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("lookup_expr", None)
        super().__init__(min_value=0, max_value=self.most, **kwargs)


class DaysField(NumberField):
    """How many days ago."""

    most = 36_500


class TextField(forms.CharField):
    """A short text; NUL, which PostgreSQL cannot hold, is refused by Django's own validator."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, **kwargs)

    def to_python(self, value: Any) -> str:
        if isinstance(value, (list, dict, bool)):  # several in an address, or what JSON has beside texts
            raise forms.ValidationError(_("Enter one text."))
        return super().to_python(value)


def _ask(field_class: type[forms.Field], method: str, help_text: Any, **options: Any) -> django_filters.Filter:
    made = django_filters.Filter(method=method, label="", help_text=help_text, **options)
    made.field_class = field_class
    return made


class ContactFilterSet(django_filters.FilterSet):
    """The questions. Help texts are read by people in the API's documentation."""

    search = _ask(
        TextField,
        "by_search",
        _(
            "Words of name, company or a remark (the contact's own, or a friend's), as written, in pinyin or initials;"
            " a phone number; an external user id."
        ),
    )
    owner = _ask(
        ListField, "by_owner", _("Ids of owners; “me”; “none” for contacts without one."), words=("me", "none")
    )
    member = _ask(ListField, "by_member", _("Ids of members who are friends of the contact; “me”."), words=("me",))
    collaborator = _ask(
        ListField, "by_collaborator", _("Ids of members who collaborate on the contact; “me”."), words=("me",)
    )
    kind = _ask(ListField, "by_values", _("WeChat or WeCom."), choices=Contact.Kind)
    status = _ask(ListField, "by_values", _("Active, archived, lost."), choices=Status)
    grade = _ask(ListField, "by_values", _("Value grades."), choices=Grade)
    activity = _ask(ListField, "by_values", _("Activity segments."), choices=Activity)
    inactive = _ask(BooleanField, "by_value", _("Silent for long, or not."))
    tag_any = _ask(ListField, "by_tag_any", _("Ids of tags: has at least one of them."))
    tag_all = _ask(ListField, "by_tag_all", _("Ids of tags: has every one of them."))
    tag_none = _ask(ListField, "by_tag_none", _("Ids of tags: has none of them."))
    source = _ask(TextField, "by_source", _("How a member came to know the contact."))
    added_after = _ask(MomentField, "since", _("Added on this day or later, or at this moment or later."))
    added_before = _ask(MomentField, "until", _("Added on this day or earlier, or before this moment."))
    last_contact_after = _ask(MomentField, "since", _("Last contact on this day or later."))
    last_contact_before = _ask(MomentField, "until", _("Last contact on this day or earlier, or before this moment."))
    known_days = _ask(DaysField, "by_known", _("Added at least so many days ago."))
    silent_days = _ask(
        DaysField, "by_silent", _("Known for at least so many days, in which nothing came from the contact.")
    )
    spend_from = _ask(NumberField, "by_spend_from", _("Spent at least so much (CNY) in the spending window."))
    spend_below = _ask(NumberField, "by_spend_below", _("Spent less than so much (CNY) in the spending window."))
    waiting = _ask(BooleanField, "by_waiting", _("Archived, wrote since, and waits for a place."))
    clean_up = _ask(ListField, "by_clean_up", _("Ids of clean-up rounds: still silent, and kept by nobody."))
    announced = _ask(BooleanField, "by_announced", _("In an open clean-up: its owner may still object."))
    department = _ask(ListField, "by_department", _("Ids of departments of the owner, subtrees included."))
    team = _ask(
        ListField, "by_team", _("Ids of departments of the owner, without those below; “none”."), words=("none",)
    )
    came_by = _ask(TextField, "by_came_by", _("How the owner came to know the contact; “none” when that is not known."))
    relation = _ask(ListField, "by_relation", _("Friend of a member, or only in groups."), choices=Relation)
    space = _ask(ListField, "by_space", _("Ids of spaces in which the contact is a person of a partner."))
    group = _ask(ListField, "by_group", _("Ids of group chats the contact is in."))

    def __init__(self, data: Any, actor: Actor) -> None:
        self.actor = actor
        # Questions are copied before they are asked: thirty of them cost a request two milliseconds.
        self.base_filters = {name: asked for name, asked in self.base_filters.items() if name in data}
        super().__init__(data, queryset=Contact.objects.none())

    def by_search(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return search.found(queryset, value, self.actor)

    def by_owner(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        wanted = Q(owner_id__in=self._members(value))
        return queryset.filter(wanted | Q(owner_id=None) if "none" in value else wanted)

    def by_member(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        follows = Follow.objects.filter(contact_id=OuterRef("pk"), state=Follow.State.ACTIVE)
        return queryset.filter(Exists(follows.filter(member_id__in=self._members(value))))

    def by_collaborator(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        grants = Grant.objects.in_force().filter(contact_id=OuterRef("pk"), member_id__in=self._members(value))
        return queryset.filter(Exists(grants))

    def by_value(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        return queryset.filter(**{name: value})

    def by_values(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        return queryset.filter(**({name: value[0]} if len(value) == 1 else {f"{name}__in": value}))

    def by_tag_any(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        return queryset.filter(_tagged(value))

    def by_tag_all(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        for tag in value:
            queryset = queryset.filter(_tagged([tag]))
        return queryset

    def by_tag_none(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        return queryset.filter(~_tagged(value))

    def by_source(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(Exists(Follow.objects.filter(contact_id=OuterRef("pk"), source=value)))

    def by_known(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return queryset.filter(**{f"{date_added(queryset)}__lte": clock.now() - timedelta(days=value)})

    def by_silent(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        since = clock.now() - timedelta(days=value)
        quiet = Q(last_customer_at__lte=since) | Q(last_customer_at=None)
        return queryset.filter(quiet, **{f"{date_added(queryset)}__lte": since})

    def by_spend_from(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return queryset.filter(spend_cents__gte=value * 100)

    def by_spend_below(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return queryset.filter(spend_cents__lt=value * 100)

    def by_waiting(self, queryset: QuerySet, name: str, value: bool) -> QuerySet:
        waits = Q(status=Status.ARCHIVED.value, waiting_since__isnull=False)
        return queryset.filter(waits) if value else queryset.exclude(waits)

    def by_clean_up(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        meant = CleanUpItem.objects.filter(contact_id=OuterRef("pk"), clean_up_id__in=value, kept_at=None)
        return queryset.filter(Exists(meant), inactive=True, status=Status.ACTIVE.value)

    def by_announced(self, queryset: QuerySet, name: str, value: bool) -> QuerySet:
        asked = Exists(CleanUpItem.objects.filter(contact_id=OuterRef("pk"), clean_up__state=CleanUp.State.ANNOUNCED))
        return queryset.filter(asked if value else ~asked)

    def by_department(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        return queryset.filter(owner_id__in=members_of_departments(value).values("id"))

    def by_team(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        teams = [one for one in value if one != "none"]
        wanted = Q(owner_id__in=Member.objects.filter(department_id__in=teams).values("id"))
        if "none" in value:
            wanted |= Q(owner_id=None) | Q(owner_id__in=Member.objects.filter(department_id=None).values("id"))
        return queryset.filter(wanted)

    def by_came_by(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        known = Follow.objects.filter(contact_id=OuterRef("pk"), member_id=OuterRef("owner_id")).exclude(source="")
        return queryset.filter(~Exists(known) if value == "none" else Exists(known.filter(source=value)))

    def by_relation(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        friends = Follow.objects.filter(contact_id=OuterRef("pk")).exclude(state=Follow.State.DELETED_BY_MEMBER)
        if len(value) == len(Relation):
            return queryset
        return queryset.filter(Exists(friends) if value == [Relation.FRIEND] else ~Exists(friends))

    def by_group(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        inside = GroupMember.objects.filter(contact_id=OuterRef("pk"), group_id__in=value, left_at=None)
        return queryset.filter(Exists(inside))

    def by_space(self, queryset: QuerySet, name: str, value: list[str]) -> QuerySet:
        seats = spaces.seats(self.actor)
        if seats is None:
            return queryset.filter(RawSQL("false", (), BooleanColumn()))  # as SQL: it stands in statements of ours
        text, params = seats
        inside = (
            f"SELECT contact_id FROM ({text}) AS seat (contact_id, space_id, name) WHERE space_id = ANY (%s::uuid[])"  # noqa: S608
        )
        return queryset.filter(pk__in=RawSQL(inside, (*params, value)))  # noqa: S611 - a text of ours

    def since(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        column = "last_contact_at" if name == "last_contact_after" else date_added(queryset)
        return queryset.filter(**{f"{column}__gte": self._moment(value)})

    def until(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        moment = self._moment(value, end=True)
        if name == "last_contact_before":
            queryset = queryset.filter(last_contact_at__lt=moment)
        # Nobody is heard of before they are added; said, so that a list begins where it can find somebody.
        return queryset.filter(**{f"{date_added(queryset)}__lt": moment})

    def _members(self, value: list[str]) -> list[UUID | str | None]:
        return [self.actor.member_id if one == "me" else one for one in value if one != "none"]

    def _moment(self, text: str, *, end: bool = False) -> datetime:
        """Where the day begins (or ends) in the enterprise, or the moment as it is; zoneless ones are local."""
        local = zone(self.actor.enterprise)
        value = _parsed(text)
        assert value is not None
        if not isinstance(value, datetime):
            value = datetime.combine(value + timedelta(days=1) if end else value, datetime.min.time())
        return value if value.tzinfo else value.replace(tzinfo=local)


NAMES = tuple(ContactFilterSet.base_filters)


@dataclass(frozen=True)
class ContactFilter:
    """A checked filter. `params` is what was asked, as JSON, without empty answers; dates stay as written."""

    actor: Actor
    params: dict[str, Any]
    _set: ContactFilterSet | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_params(cls, params: Mapping[str, Any], actor: Actor) -> Self:
        """The filter that `params` (JSON, or a query string's values) asks for.

        Raises Invalid with code unknown_filter for names that do not exist, and for values that make no sense.
        """
        if unknown := sorted(set(params) - set(NAMES)):
            raise Invalid({name: [_("This filter does not exist.")] for name in unknown}, code="unknown_filter")
        if not params:
            return cls(actor, {})
        asked = ContactFilterSet(params, actor)
        if not asked.form.is_valid():
            raise Invalid({name: list(messages) for name, messages in asked.form.errors.items()})
        given = {name: value for name, value in asked.form.cleaned_data.items() if value not in (None, "", [])}
        return cls(actor, given, asked)

    def apply(self, queryset: QuerySet) -> QuerySet:
        """Narrow `queryset` by the questions asked; does not ask who may see (`queryset` does)."""
        for name, value in self.params.items():
            assert self._set is not None
            queryset = getattr(self._set, self._set.filters[name].method)(queryset, name, value)
        return queryset

    def queryset(self) -> QuerySet:
        """The contacts that the actor may see and that answer the filter."""
        return self.apply(Contact.objects.visible_to(self.actor))

    def ways(self, page: paging.Keyset) -> Iterable[QuerySet]:
        """The same contacts, for `paging.Keyset`: the last way leaves nobody out."""
        if not self._text:
            return self._sight.ways(page)
        # What a search finds is soon looked at.
        return search.ways(self._sight.looked_at, self._text, self.actor, page)

    def count(self) -> paging.Count:
        """How many they are: exact to 10 000, beyond it estimated."""
        estimated = self._narrow(Contact.objects.visible_to(self.actor))
        return search.count(self._sight.contacts, self._text, self.actor, estimated=estimated)

    @cached_property
    def _sight(self) -> Sight:
        unsure = not UNSURE.isdisjoint(self.params)
        return Sight(self.actor, self._narrow, filtered=bool(self._rest), unsure=unsure)

    @property
    def _text(self) -> str:
        return self.params.get("search", "")

    @property
    def _rest(self) -> dict[str, Any]:
        return {name: value for name, value in self.params.items() if name != "search"}

    def _narrow(self, queryset: QuerySet) -> QuerySet:
        """All questions but the search, which lists and counts ask in a way of their own."""
        return replace(self, params=self._rest).apply(queryset)


def _tagged(tags: list[str]) -> Exists:
    taggings = FollowTag.objects.filter(contact_id=OuterRef("pk"))
    return Exists(taggings.filter(tag_id=tags[0]) if len(tags) == 1 else taggings.filter(tag_id__in=tags))


def _parsed(text: str) -> date | datetime | None:
    """A day or a moment; None when it is neither, or beyond the calendar that can be reckoned with."""
    try:
        value = parse_date(text) or parse_datetime(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        return None
    return value if value is not None and clock.in_calendar(value) else None
