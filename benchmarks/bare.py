"""A bare Django program on the same table: one keyset query a request, as JSON and as a page; nothing else.

No session, no log-in, no tenancy, no permissions: as much as Django itself costs. Served like the product.
"""

import os

from django.conf import settings

if not settings.configured:
    from pathlib import Path

    from common.postgres.urls import django_database

    settings.configure(
        SECRET_KEY="bare",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.bare",
        INSTALLED_APPS=["benchmarks"],
        DATABASES={"default": {**django_database(os.environ["DATABASE_OWNER_URL"]), "CONN_MAX_AGE": 600}},
        USE_TZ=True,
        TIME_ZONE="Asia/Shanghai",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [Path(__file__).parent],
            }
        ],
    )

import django

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402

ENTERPRISE = os.environ["BENCH_ENTERPRISE"]


class Contact(models.Model):
    """The columns that the list shows."""

    id = models.UUIDField(primary_key=True)
    enterprise_id = models.UUIDField()
    external_userid = models.CharField()
    unionid = models.CharField()
    name = models.CharField()
    remark = models.CharField()
    kind = models.CharField()
    company = models.CharField()
    status = models.CharField()
    grade = models.CharField()
    grade_source = models.CharField()
    spend_365d = models.DecimalField(max_digits=14, decimal_places=2)
    activity = models.CharField()
    inactive = models.BooleanField()
    owner_id = models.UUIDField()
    added_at = models.DateTimeField()
    archived_at = models.DateTimeField()
    last_customer_at = models.DateTimeField()
    last_contact_at = models.DateTimeField()

    class Meta:
        app_label = "benchmarks"
        db_table = "contacts_contact"
        managed = False


FIELDS = [field.name for field in Contact._meta.fields if field.name != "enterprise_id"]


def _page(size: int) -> list[dict]:
    rows = Contact.objects.filter(enterprise_id=ENTERPRISE).order_by("-added_at", "-id")
    return list(rows.values(*FIELDS)[:size])


def as_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"results": _page(20)})


def as_page(request: HttpRequest) -> HttpResponse:
    return render(request, "bare.html", {"contacts": _page(50)})


urlpatterns = [path("json", as_json), path("page", as_page)]
application = get_wsgi_application()
