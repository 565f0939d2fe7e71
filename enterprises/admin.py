"""The back office of this room: enterprises, people, and what the operators did. See enterprises/platform.py."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.errors import Text
from common.tenancy import tenant
from enterprises import audit
from enterprises.access import memberships
from enterprises.actors import Actor
from enterprises.authentication import origin
from enterprises.models import Enterprise, Member, User
from enterprises.platform import BackOfficeAdmin, site
from enterprises.services import set_status, set_verified
from enterprises.services.members import end_sessions


def operator(request: HttpRequest, enterprise: Enterprise) -> Actor:
    """The operator at work on one enterprise."""
    return Actor.operator(enterprise, str(request.user), **origin(request))


@admin.register(Enterprise, site=site)
class EnterpriseAdmin(BackOfficeAdmin):
    """Verify and suspend, through the services and into the enterprise's own audit trail."""

    list_display = ("name", "code", "verified", "status", "timezone", "created_at")
    list_filter = ("verified", "status")
    search_fields = ("name", "code", "id")
    ordering = ("-created_at",)
    actions = ("verify", "unverify", "suspend", "resume")
    fields = ("name", "code", "id", "verified", "verified_at", "status", "timezone", "created_at")

    @admin.action(description=_("Verify"))
    def verify(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        self._each(request, queryset, set_verified, _("Verified."), verified=True)

    @admin.action(description=_("Withdraw the verification"))
    def unverify(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        self._each(request, queryset, set_verified, _("Verification withdrawn."), verified=False)

    @admin.action(description=_("Suspend: nobody gets in"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        self._each(request, queryset, set_status, _("Suspended."), status=Enterprise.Status.SUSPENDED)

    @admin.action(description=_("Let it go on"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        self._each(request, queryset, set_status, _("Resumed."), status=Enterprise.Status.ACTIVE)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Enterprise],
        service: Callable[..., None],
        text: Text,
        **values: Any,
    ) -> None:
        """One enterprise after the other, each in its own scope; noted in both logs in one transaction."""
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True))
        for pk in chosen:
            with tenant(pk):
                enterprise = Enterprise.objects.get(pk=pk)
                service(operator(request, enterprise), enterprise=enterprise, **values)
                self.log_change(request, enterprise, str(text))
        _done(self, request, len(chosen))


@admin.register(User, site=site)
class UserAdmin(BackOfficeAdmin):
    """Close and open accounts, and take away a lost second factor. Passwords are nobody's business."""

    list_display = ("email", "name", "is_active", "is_staff", "second_factor", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name", "id")
    ordering = ("-date_joined",)
    actions = ("close", "reopen", "reset_factors")
    fields = ("email", "name", "id", "is_active", "is_staff", "language", "last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factors = Authenticator.objects.filter(user=OuterRef("pk"))
        return super().get_queryset(request).annotate(has_factor=Exists(factors))

    @admin.display(boolean=True, description=_("second factor"))
    def second_factor(self, user: User) -> bool:
        return user.has_factor  # type: ignore[attr-defined]

    @admin.action(description=_("Close the account: no log-in, no tokens"))
    def close(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        if queryset.filter(pk=request.user.pk).exists():
            self.message_user(request, now("You cannot close your own account."), messages.ERROR)
            return
        self._each_person(request, queryset, _close, "member.account_closed", _("Account closed."))

    @admin.action(description=_("Open the account again"))
    def reopen(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each_person(request, queryset, _reopen, "member.account_opened", _("Account opened."))

    @admin.action(description=_("Remove the second factor (after asking back by telephone)"))
    def reset_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each_person(request, queryset, _reset_factors, "member.factors_reset", _("Second factor removed."))

    def _each_person(
        self, request: HttpRequest, queryset: QuerySet[User], work: Callable[[User], None], action: str, text: Text
    ) -> None:
        """One person after the other; each enterprise they work in finds it in its audit trail."""
        chosen = list(queryset.order_by("pk"))
        for user in chosen:
            with transaction.atomic():
                work(user)
                self.log_change(request, user, str(text))
            for one in memberships(user):
                with tenant(one.enterprise_id):
                    member = Member.objects.get(user=user)
                    enterprise = Enterprise.objects.get(pk=one.enterprise_id)
                    audit.record(operator(request, enterprise), action, member)
        _done(self, request, len(chosen))


@admin.register(LogEntry, site=site)
class LogAdmin(BackOfficeAdmin):
    """What the operators did."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "change_message")
    date_hierarchy = "action_time"
    list_display_links = None


def _close(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    end_sessions(user)


def _reopen(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=True)


def _reset_factors(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()
    end_sessions(user)


def _done(model_admin: BackOfficeAdmin, request: HttpRequest, count: int) -> None:
    text = ngettext("%(count)s entry changed.", "%(count)s entries changed.", count) % {"count": count}
    model_admin.message_user(request, text, messages.SUCCESS)
