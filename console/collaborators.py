"""Collaborators: inviting them to a contact, one's own collaborations, and the rules of the enterprise (O1-O3)."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collaboration.models.grants import LEVELS
from collaboration.queries import grants as queries
from collaboration.rules.grants import Terms
from collaboration.services import grants as services
from collaboration.services import rules
from common.errors import NotFound, Refusal
from console.base import Page
from console.contact_actions import FormPage
from console.contact_page import OneContact
from console.forms import attach
from console.listing import Listing
from contacts.models import Contact, Grant
from contacts.rules import Level, Right
from enterprises.models import Member, Role
from enterprises.rest import get_or_404
from enterprises.services import roles


def last_moment(day: date | None) -> datetime | None:
    """A collaboration until a day ends with that day, in the enterprise's time zone."""
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), datetime.min.time()))


class TermsForm(forms.Form):
    """Level and term."""

    level = forms.ChoiceField(label=_("Level"), widget=forms.RadioSelect)
    expires_on = forms.DateField(
        label=_("Until (inclusive)"),
        required=False,
        help_text=_("For good when left empty."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any, terms: Terms, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["level"].choices = [  # type: ignore[attr-defined]
            (level.value, queries.DESCRIBED[level]) for level in terms.levels
        ]

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        values = dict(self.cleaned_data)
        until = last_moment(values.pop("expires_on"))
        return {**values, "expires_at": until}


class InviteForm(TermsForm):
    member = forms.ChoiceField(label=_("Colleague"))
    message = forms.CharField(label=_("Message"), required=False, max_length=services.MESSAGE)
    field_order = ("member", "level", "expires_on", "message")

    def __init__(self, data: Any, terms: Terms, contact: Contact) -> None:
        super().__init__(data, terms, initial={"level": Level.VIEWER.value})
        people = queries.invitable(contact)
        self.fields["member"].choices = [  # type: ignore[attr-defined]
            ("", "—"),
            *((str(one.pk), f"{one.name} · {one.department}" if one.department else one.name) for one in people),
        ]


class Invite(FormPage):
    """Ask a colleague to collaborate."""

    right = Right.SHARE
    title = _("Invite a collaborator")
    done = _("The colleague was asked, or is in already where the rules say so.")
    button = _("Invite")
    tab = ""

    def form(self, contact: Contact, data: Any) -> forms.Form:
        return InviteForm(data, queries.terms(self.actor), contact)

    def save(self, contact: Contact, form: Any) -> None:
        given = form.given()
        member = get_or_404(Member.objects.select_related("role"), given.pop("member"))
        services.invite(self.actor, contact=contact, member=member, **given)


class Change(FormPage):
    """Another level, another term."""

    right = Right.SHARE
    title = _("Change a collaborator")
    done = _("The collaborator was changed.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        one = queries.collaborator(contact, self._member())
        if one is None:
            raise NotFound()
        last_day = timezone.localtime(one.expires_at - timedelta(microseconds=1)).date() if one.expires_at else None
        initial = {"level": one.level, "expires_on": last_day}
        self.title = one.member.name
        return TermsForm(data, queries.terms(self.actor), initial=initial)

    def save(self, contact: Contact, form: Any) -> None:
        services.change(self.actor, contact=contact, member=self._member(), changes=form.given())

    def _member(self) -> Member:
        return get_or_404(Member.objects.all(), self.kwargs["member_id"])


class Remove(OneContact):
    """End a collaboration, take an invitation back, or leave."""

    def post(self, request: HttpRequest, pk: UUID, member_id: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        member = get_or_404(Member.objects.all(), member_id)
        services.remove(self.actor, contact=contact, member=member)
        messages.success(request, gettext("%(name)s no longer collaborates.") % {"name": member.name})
        return self.redirect(self.after(contact))


class Mine(Page):
    """Invitations to answer, and what one collaborates on."""

    permission = "contacts.view"
    template = "console/collaboration/mine.html"
    title = _("My collaborations")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        listing = Listing(request, queries.mine(self.actor), ordering="-granted_at", orderings=("granted_at",))
        return self.render({"invitations": queries.invitations(self.actor)[:100], "listing": listing})


class Answer(Page):
    """Accept or decline."""

    permission = "contacts.view"

    def post(self, request: HttpRequest, pk: UUID, answer: str) -> HttpResponseBase:
        invitation = get_or_404(queries.invitations(self.actor), pk)
        if answer == "decline":
            services.decline(self.actor, invitation=invitation)
            messages.info(request, gettext("You declined."))
            return self.redirect(reverse("collaborations", kwargs={"code": self.enterprise.code}))
        grant: Grant = services.accept(self.actor, invitation=invitation)
        messages.success(request, gettext("You collaborate on “%(name)s” now.") % {"name": grant.contact})
        return self.redirect(reverse("contact", kwargs={"code": self.enterprise.code, "pk": grant.contact_id}))


class RuleForm(forms.Form):
    """What a role may give; one line of the page."""

    highest = forms.ChoiceField(label=_("Highest level"), choices=LEVELS)
    most = forms.IntegerField(label=_("Collaborators per contact"), required=False, min_value=0, max_value=rules.MOST)
    asks = forms.BooleanField(label=_("The invited have to accept"), required=False)
    invites = forms.BooleanField(label=_("May invite"), required=False)


class Policy(Page):
    """Who may invite, the highest level, how many: one line for each role; and what each level may do."""

    permission = "policy.manage"
    template = "console/collaboration/policy.html"
    title = _("Collaboration policy")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        role = get_or_404(Role.objects.all(), request.POST.get("role", ""))
        form = RuleForm(request.POST, prefix=str(role.pk))
        if not form.is_valid():
            return self._show(wrong=(role.pk, form), status=400)
        given = form.cleaned_data
        try:
            with transaction.atomic():
                invites = given.pop("invites")
                rules.set_rule(self.actor, role=role, changes=given)
                if self._may_change(role) and invites is not (Right.SHARE.code in role.codes):
                    codes = set(role.codes) ^ {Right.SHARE.code}
                    roles.update_role(self.actor, role=role, changes={"permissions": sorted(codes)})
        except Refusal as refusal:
            return self._show(wrong=(role.pk, attach(form, refusal)), status=refusal.status)
        messages.success(request, gettext("The rule of “%(role)s” was saved.") % {"role": role.label})
        return self.redirect(request.path)

    def _may_change(self, role: Role) -> bool:
        """May the actor change what the role gives? The super admin's never changes."""
        return self.actor.may("roles.manage") and role.builtin != "super_admin"

    def _show(self, wrong: tuple[UUID, forms.BaseForm] | None = None, status: int = 200) -> HttpResponseBase:
        lines = []
        for role, rule, terms in queries.rules():
            form: forms.BaseForm = RuleForm(
                prefix=str(role.pk),
                initial={
                    "highest": terms.highest.value,
                    "most": rule.most if rule else None,
                    "asks": terms.asks,
                    "invites": Right.SHARE.code in role.codes,
                },
            )
            if wrong and wrong[0] == role.pk:
                form = wrong[1]
            form.fields["invites"].disabled = not self._may_change(role)
            lines.append((role, form, terms))
        context = {
            "lines": lines,
            "levels": list(Level),
            "rights": [(right, [level in right.levels for level in Level]) for right in Right],
        }
        return self.render(context, status=status)


urlpatterns = [
    path("contacts/<uuid:pk>/collaborators/add/", Invite.as_view(), name="collaborator-invite"),
    path("contacts/<uuid:pk>/collaborators/<uuid:member_id>/", Change.as_view(), name="collaborator"),
    path("contacts/<uuid:pk>/collaborators/<uuid:member_id>/remove/", Remove.as_view(), name="collaborator-remove"),
    path("collaborations/", Mine.as_view(), name="collaborations"),
    *(
        path(f"collaborations/<uuid:pk>/{word}/", Answer.as_view(), {"answer": word}, name=f"collaboration-{word}")
        for word in ("accept", "decline")
    ),
    path("collaboration-policy/", Policy.as_view(), name="collaboration-policy"),
]
