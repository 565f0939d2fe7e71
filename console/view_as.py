"""What a member sees: in numbers by rule, and with their own eyes (O5)."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collaboration.queries.reach import reach
from console.base import VIEW_AS, Page
from enterprises import view_as
from enterprises.models import Member
from enterprises.rest import get_or_404


class MemberReach(Page):
    """How many contacts a member sees, by which rule."""

    permission = "members.view"
    template = "console/people/reach.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        member = get_or_404(Member.objects.select_related("role", "department"), pk)
        self.title = gettext("What %(name)s sees") % {"name": member.name}
        context = {
            "member": member,
            "reach": reach(self.actor, member),
            "may_look": view_as.may_look_as(self.actor, member),
        }
        return self.render(context)


class ViewAs(Page):
    """Begin to look through a member's eyes."""

    permission = "members.view"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        member = get_or_404(Member.objects.select_related("role"), pk)
        view_as.begin(self.actor, member=member)
        chosen = request.session.get(VIEW_AS, {})
        request.session[VIEW_AS] = {**chosen, str(self.enterprise.pk): str(member.pk)}
        return self.redirect(reverse("home", kwargs={"code": self.enterprise.code}))


class OwnEyes(Page):
    """Back to one's own."""

    with_own_eyes = True

    def post(self, request: HttpRequest) -> HttpResponseBase:
        chosen = dict(request.session.get(VIEW_AS, {}))
        if chosen.pop(str(self.enterprise.pk), None):
            request.session[VIEW_AS] = chosen
            messages.info(request, _("You see with your own eyes again."))
        return self.redirect(reverse("home", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("members/<uuid:pk>/reach/", MemberReach.as_view(), name="member-reach"),
    path("members/<uuid:pk>/view-as/", ViewAs.as_view(), name="member-view-as"),
    path("own-eyes/", OwnEyes.as_view(), name="own-eyes"),
]
