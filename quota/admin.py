"""The back office of this room: the price table."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from enterprises.platform import BackOfficeAdmin, site
from quota.models import TierPrice


@admin.register(TierPrice, site=site)
class TierPriceAdmin(BackOfficeAdmin):
    """What tiers cost from which day on. A new price is a new row; packages keep the price they were bought at."""

    list_display = ("tier", "price", "effective_from")
    list_filter = ("tier",)
    ordering = ("tier", "-effective_from")
    fields = ("tier", "price", "effective_from")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)
