"""Choosing a member: a select while that is short; in enterprises with more members, found by name or account.

Selects that load everybody are what makes pages of the genre freeze.
"""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common import pinyin
from common.errors import Text
from common.ids import parse_uuid
from console.base import Page
from console.contact_table import options
from contacts.queries import nameable
from enterprises.actors import Actor
from enterprises.models import Member

MOST = 200  # options of a select; beyond, one types
FOUND = 30


def labelled(members: QuerySet[Member]) -> list[tuple[str, str]]:
    """Members as choices, in the order in which names are read."""
    rows = sorted(members.values_list("pk", "name", "userid"), key=lambda row: pinyin.order(row[1]))
    return [(str(pk), f"{name} ({userid})") for pk, name, userid in rows]


def first_choices(members: QuerySet[Member], chosen: Any = None) -> tuple[list[tuple[str, str]], bool]:
    """The members to choose from, `chosen` among them, and whether there are more than are shown."""
    rows = labelled(members.order_by("name", "id")[: MOST + 1])
    many = len(rows) > MOST
    if many and (known := parse_uuid(str(chosen))) and str(known) not in dict(rows):
        rows += labelled(Member.objects.filter(pk=known))
    return rows, many


def options_url(actor: Actor) -> str:
    """Where others are found by what somebody types."""
    return reverse("member-options", kwargs={"code": actor.enterprise.code})


class MemberSelect(forms.Select):
    """A select; with `url`, an input above it finds who is not among its options."""

    template_name = "console/components/member_select.html"
    url = ""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["url"] = self.url
        return context


class MemberField(forms.ChoiceField):
    """One of the members whom the actor may name; the form tells whose choice it is by `ask`."""

    widget = MemberSelect
    members: QuerySet[Member]

    def ask(self, actor: Actor, *first: tuple[str, Text], chosen: Any = None, but: Any = None) -> None:
        """`first` stands before the members, such as “Me”; `but` is one who is not to be chosen."""
        self.members = nameable(actor).exclude(pk=but) if but else nameable(actor)
        rows, many = first_choices(self.members, chosen)
        self.choices = [*first, *rows, (_("Found"), [])] if many else [*first, *rows]
        self.widget.url = options_url(actor) if many else ""  # type: ignore[attr-defined]

    def valid_value(self, value: Any) -> bool:
        """Also somebody whom typing found, who stands among the options from now on."""
        if super().valid_value(value):
            return True
        found = labelled(self.members.filter(pk=parse_uuid(str(value))))
        self.choices = [*self.choices, *found]  # type: ignore[misc]
        return bool(found)


class MemberOptions(Page):
    """Options for a select, by name or account. `any`: all active members, as in the filter of lists."""

    permission = "contacts.view"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        text = request.GET.get("search", "").replace("\0", "").strip()[:64]
        active = Member.objects.filter(status=Member.Status.ACTIVE)
        members = active if "any" in request.GET else nameable(self.actor)
        named = members.filter(Q(name__icontains=text) | Q(userid__icontains=text)) if text else members.none()
        rows = labelled(named.order_by("name", "id")[:FOUND])
        return HttpResponse(options(rows, [rows[0][0]] if len(rows) == 1 else []))


urlpatterns = [path("members/options/", MemberOptions.as_view(), name="member-options")]
