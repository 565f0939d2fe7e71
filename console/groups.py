"""Customer groups: list, one group with its people, and what can be done with it."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.errors import Refusal
from console.base import Page
from console.contact_forms import member_choices
from console.forms import attach
from console.listing import Listing
from contacts import queries
from contacts.models import Contact, GroupChat
from contacts.services import groups as services
from enterprises.models import Member
from enterprises.rest import get_or_404
from quota import queries as quota
from quota.rules import Action


class GroupForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=128)
    owner = forms.ChoiceField(label=_("Owner"), required=False)

    def __init__(self, data: Any, page: Page, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if page.actor.may("contacts.assign"):
            self.fields["owner"].choices = [("", _("Me")), *member_choices(page.actor)]  # type: ignore[attr-defined]
        else:
            del self.fields["owner"]

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        owner = self.cleaned_data.get("owner")
        member = get_or_404(Member.objects.all(), owner) if owner else None
        return {"name": self.cleaned_data["name"], "owner": member}


class InviteForm(forms.Form):
    people = forms.CharField(
        label=_("Who joins?"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One person a line: external user id, then a comma and the name of people who are new."),
    )

    def given(self) -> list[services.Person]:
        """As the service takes it."""
        found = []
        for line in self.cleaned_data["people"].replace("，", ",").splitlines():
            external_userid, _comma, name = line.partition(",")
            if external_userid.strip():
                found.append(services.Person(external_userid.strip(), name.strip()))
        return found


class Groups(Page):
    permission = "groups.view"
    template = "console/groups/list.html"
    title = _("Group chats")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show(GroupForm(None, self))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = GroupForm(request.POST, self)
        if not form.is_valid():
            return self._show(form, status=400)
        try:
            with transaction.atomic():
                group = services.create_group(self.actor, **form.given())
        except Refusal as refusal:
            return self._show(attach(form, refusal), status=refusal.status)
        messages.success(request, _("The group chat was created."))
        return self.redirect(reverse("group", kwargs={"code": self.enterprise.code, "pk": group.pk}))

    def _show(self, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        asked = {name: self.request.GET[name] for name in queries.GROUP_FILTERS if name in self.request.GET}
        found = queries.groups(self.actor, {"dismissed": "0", **asked})
        listing = Listing(self.request, found, ordering="-created_at", orderings=("created_at", "name"))
        context = {
            "listing": listing,
            "form": form,
            "asked": asked,
            "may_manage": self.actor.may("groups.manage"),
            "may_see_spaces": self.actor.may("spaces.view"),
            "decision": quota.decide(self.enterprise, Action.MANAGE_GROUPS),
        }
        return self.render(context, status=status)


class GroupView(Page):
    """What the pages of one group share."""

    permission: ClassVar[str | None] = "groups.manage"

    def group(self, pk: UUID) -> GroupChat:
        """The group, if it exists for this person (O5)."""
        return get_or_404(GroupChat.objects.visible_to(self.actor).select_related("owner"), pk)

    def address(self, group: GroupChat) -> str:
        return reverse("group", kwargs={"code": self.enterprise.code, "pk": group.pk})


class Group(GroupView):
    """One group: the outside people in it, as far as the person may see them."""

    permission = "groups.view"
    template = "console/groups/group.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self.show(self.group(pk), InviteForm())

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Invite people."""
        group = self.group(pk)
        form = InviteForm(request.POST)
        if not form.is_valid():
            return self.show(group, form, status=400)
        try:
            with transaction.atomic():
                joined = services.invite(self.actor, group=group, people=form.given())
        except Refusal as refusal:
            return self.show(group, attach(form, refusal), status=refusal.status)
        messages.success(request, _("People who joined: %(number)s.") % {"number": joined})
        return self.redirect(self.address(group))

    def show(self, group: GroupChat, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        self.title = group.name
        people = queries.group_members(self.actor, group).select_related("contact__owner")
        context = {
            "group": group,
            "form": form,
            "listing": Listing(self.request, people, ordering="joined_at", orderings=("joined_at",)),
            "may_manage": self.actor.may("groups.manage") and group.dismissed_at is None,
            "decision": quota.decide(self.enterprise, Action.INVITE_TO_GROUP),
        }
        return self.render(context, status=status)


class GroupEdit(GroupView):
    template = "console/contacts/form.html"
    title = _("Edit the group chat")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        group = self.group(pk)
        return self._show(group, GroupForm(None, self, initial={"name": group.name, "owner": str(group.owner_id)}))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        group = self.group(pk)
        form = GroupForm(request.POST, self)
        if not form.is_valid():
            return self._show(group, form, status=400)
        try:
            with transaction.atomic():
                services.edit_group(self.actor, group=group, **form.given())
        except Refusal as refusal:
            return self._show(group, attach(form, refusal), status=refusal.status)
        messages.success(request, _("The group chat was changed."))
        seen = GroupChat.objects.visible_to(self.actor).filter(pk=group.pk).exists()
        return self.redirect(self.address(group) if seen else reverse("groups", kwargs={"code": self.enterprise.code}))

    def _show(self, group: GroupChat, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        context = {"contact": group, "form": form, "button": _("Save"), "back": self.address(group)}
        return self.render(context, status=status)


class GroupLeave(GroupView):
    """Remove somebody from the group."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        group = self.group(pk)
        contact = get_or_404(Contact.objects.visible_to(self.actor), request.POST.get("contact", ""))
        services.leave(self.actor, group=group, contacts=[contact])
        messages.success(request, _("%(name)s has left the group chat.") % {"name": contact})
        return self.redirect(self.address(group))


class GroupDismiss(GroupView):
    """Dissolve the group."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        services.dismiss_group(self.actor, group=self.group(pk))
        messages.success(request, _("The group chat was dissolved."))
        return self.redirect(reverse("groups", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("groups/", Groups.as_view(), name="groups"),
    path("groups/<uuid:pk>/", Group.as_view(), name="group"),
    path("groups/<uuid:pk>/edit/", GroupEdit.as_view(), name="group-edit"),
    path("groups/<uuid:pk>/leave/", GroupLeave.as_view(), name="group-leave"),
    path("groups/<uuid:pk>/dismiss/", GroupDismiss.as_view(), name="group-dismiss"),
]
