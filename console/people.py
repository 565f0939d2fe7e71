"""Members: the list, their pages, invitations."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console import departments as tree_pages
from console import people_files
from console.base import Page
from console.departments import NOBODY, tree
from console.forms import attach
from console.listing import BulkAction, Listing
from enterprises import authority, queries
from enterprises.models import Department, Member, Role
from enterprises.rest import get_or_404, reference
from enterprises.services import STAFF, builtin_role, invitations
from enterprises.services import members as services

INVITED_AT_ONCE = 500


class MemberFilter(forms.Form):
    search = forms.CharField(
        label=_("Search"), required=False, widget=forms.TextInput(attrs={"placeholder": _("Name, account, e-mail")})
    )
    department = forms.ChoiceField(label=_("Department"), required=False)
    role = forms.ChoiceField(label=_("Role"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[NOBODY, *Member.Status.choices])
    joined = forms.ChoiceField(
        label=_("Log-in"),
        required=False,
        choices=[NOBODY, ("true", _("Can log in")), ("false", _("Has not joined yet"))],
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        choices = [(str(pk), label) for pk, label in tree()]
        nowhere = (queries.NONE, _("(in no department)"))
        self.fields["department"].choices = [NOBODY, nowhere, *choices]  # type: ignore[attr-defined]
        roles = [(str(one.pk), one.label) for one in Role.objects.all()]
        self.fields["role"].choices = [NOBODY, *roles]  # type: ignore[attr-defined]

    def rows(self) -> QuerySet[Member]:
        """The members that match; none while a filter is wrong."""
        return queries.members(self.cleaned_data) if self.is_valid() else Member.objects.none()


class Members(Page):
    """Everybody who works here."""

    permission = "members.view"
    template = "console/people/members.html"
    title = _("Members")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = MemberFilter(request.GET)
        orderings = {"name": _("Name"), "userid": _("Account"), "joined_at": _("Joined")}
        listing = Listing(request, form.rows(), ordering="name", orderings=orderings)
        may = self.actor.may("members.manage")
        invite = reverse("members-invite", kwargs={"code": self.enterprise.code})
        context = {
            "form": form,
            "listing": listing,
            "may": may,
            "actions": [BulkAction(_("Invite by e-mail"), invite, icon="mail")] if may else [],
            "filtered": bool(form.changed_data),
        }
        return self.render(context)


class InviteMany(Page):
    """Send invitations to everybody chosen who can have one."""

    permission = "members.manage"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        rows: QuerySet[Member]
        if request.POST.get("all"):
            rows = MemberFilter(QueryDict(request.POST.get("filter", ""))).rows()
        else:
            ids = request.POST.getlist("ids")[:INVITED_AT_ONCE]
            rows = Member.objects.filter(pk__in=[one for one in ids if _is_uuid(one)])
        invited = skipped = 0
        for member in rows.filter(user=None).exclude(email="").order_by("id")[:INVITED_AT_ONCE]:
            try:
                invitations.invite(self.actor, member=member)
                invited += 1
            except Refusal:
                skipped += 1
        if invited:
            text = ngettext("%(count)s invitation is on its way.", "%(count)s invitations are on their way.", invited)
            messages.success(request, text % {"count": invited})
        if skipped or not invited:
            messages.warning(request, gettext("Who has joined, has no address or is above you was left out."))
        return self.redirect(self._back())


class MemberForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=64)
    userid = forms.CharField(
        label=_("Account"),
        max_length=64,
        help_text=_("The WeCom userid; not case-sensitive."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.EmailField(
        label=_("E-mail"), required=False, help_text=_("Where the invitation goes, and what they log in with.")
    )
    department = forms.ChoiceField(label=_("Department"), required=False)
    role = forms.ChoiceField(label=_("Role"))
    ranges = forms.MultipleChoiceField(
        label=_("Manages these departments"),
        required=False,
        help_text=_("For roles that see given departments; what is below them is included."),
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    invite = forms.BooleanField(label=_("Send the invitation at once"), required=False)

    def __init__(self, page: Page, *args: Any, member: Member | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        managed = authority.managed_departments(page.actor)
        given = set(authority.ranges_of(member)) if member else set()
        paths = tree()
        own = [(str(pk), label) for pk, label in paths if managed is None or pk in managed]
        nowhere = [NOBODY] if managed is None or (member and member.department_id is None) else []
        self.fields["department"].choices = [*nowhere, *own]  # type: ignore[attr-defined]
        self.fields["ranges"].choices = [  # type: ignore[attr-defined]
            (str(pk), label) for pk, label in paths if managed is None or pk in managed or pk in given
        ]
        roles: Iterable[Role] = authority.assignable_roles(page.actor)
        self.fields["role"].choices = [(str(one.pk), one.label) for one in roles]  # type: ignore[attr-defined]
        if member is not None:
            del self.fields["invite"]

    def values(self) -> dict[str, Any]:
        """As the service takes them; departments only for roles that are given some."""
        data = self.cleaned_data
        role = reference(Role.objects.all(), data["role"], "role")
        graded = role.scope == Role.Scope.DEPARTMENTS
        return {
            "name": data["name"],
            "userid": data["userid"],
            "email": data["email"],
            "department": reference(Department.objects.all(), data["department"] or None, "department"),
            "role": role,
            "ranges": list(Department.objects.filter(pk__in=data["ranges"])) if graded else [],
        }


class NewMember(Page):
    """One more."""

    permission = "members.manage"
    template = "console/people/member_new.html"
    title = _("New member")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        staff = builtin_role(STAFF)
        initial = {"role": str(staff.pk), "department": request.GET.get("department", ""), "invite": True}
        return self.render({"form": MemberForm(self, initial=initial)})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = MemberForm(self, request.POST)
        if not form.is_valid():
            return self.render({"form": form}, status=400)
        try:
            member = services.create_member(self.actor, **form.values())
            if form.cleaned_data["invite"] and member.email:
                invitations.invite(self.actor, member=member)
        except Refusal as refusal:
            return self.render({"form": attach(form, refusal)}, status=refusal.status)
        messages.success(request, gettext("“%(name)s” was added.") % {"name": member.name})
        return self.redirect(reverse("member", kwargs={"code": self.enterprise.code, "pk": member.pk}))


class OneMember(Page):
    """A member: who they are, what they may do, and what was done to them."""

    permission = "members.view"
    template = "console/people/member.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        member = self.load(pk)
        return self.show(member, self.form(member) if authority.may_manage(self.actor, member) else None)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        member = self.load(pk)
        authority.require_member(self.actor, member)
        form = MemberForm(self, request.POST, member=member)
        if not form.is_valid():
            return self.show(member, form, status=400)
        try:
            services.update_member(self.actor, member=member, changes=form.values())
        except Refusal as refusal:
            return self.show(self.load(pk), attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The member was saved."))
        return self.redirect(request.path)

    def load(self, pk: UUID) -> Member:
        member = get_or_404(queries.members({}).select_related("user"), pk)
        self.title = member.name
        return member

    def form(self, member: Member) -> MemberForm:
        initial = {
            "name": member.name,
            "userid": member.userid,
            "email": member.email,
            "department": str(member.department_id or ""),
            "role": str(member.role_id),
            "ranges": [str(one.department_id) for one in member.ranges.all()],
        }
        return MemberForm(self, member=member, initial=initial)

    def show(self, member: Member, form: forms.BaseForm | None, status: int = 200) -> HttpResponseBase:
        sees_trail = self.actor.may("audit.view")
        trail = queries.audit_entries(self.actor, {"subject": str(member.pk)}).order_by("-at", "-id")[:10]
        context = {
            "member": member,
            "form": form,
            "oneself": member.pk == self.actor.member_id,
            "hands_over": self.actor.may("contacts.assign") and member.status != Member.Status.DISABLED,
            "entries": list(trail) if sees_trail else None,
            "tokens": list(queries.tokens(self.actor, {"member": str(member.pk)})) if form else [],
        }
        return self.render(context, status=status)


class MemberAction(Page):
    """Disable, enable, resign, invite: one button each."""

    permission = "members.manage"
    actions = {
        "disable": (services.disable_member, _("“%(name)s” is locked out.")),
        "enable": (services.enable_member, _("“%(name)s” is active again.")),
        "resign": (services.resign_member, _("“%(name)s” has left.")),
        "invite": (invitations.invite, _("The invitation to “%(name)s” is on its way.")),
    }

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponseBase:
        service, text = self.actions[action]
        member = service(self.actor, member=get_or_404(Member.objects.all(), pk))
        messages.success(request, str(text) % {"name": member.name})
        return self.redirect(reverse("member", kwargs={"code": self.enterprise.code, "pk": pk}))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


urlpatterns = [
    *tree_pages.urlpatterns,
    path("members/", Members.as_view(), name="members"),
    path("members/new/", NewMember.as_view(), name="member-new"),
    path("members/invite/", InviteMany.as_view(), name="members-invite"),
    *people_files.urlpatterns,
    path("members/<uuid:pk>/", OneMember.as_view(), name="member"),
    *(
        path(f"members/<uuid:pk>/{name}/", MemberAction.as_view(), {"action": name}, name=f"member-{name}")
        for name in MemberAction.actions
    ),
]
