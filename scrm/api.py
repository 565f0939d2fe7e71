"""The API's root: every room's routes under /api/v1/."""

from django.urls import include, path

from scrm.docs import SchemaView

urlpatterns = [
    path("", include("contacts.api.urls")),  # first: asked for most
    path("", include("collaboration.api.urls")),
    path("", include("enterprises.api")),
    path("", include("jobs.api")),
    path("", include("quota.api")),
    path("", include("upstream.api.urls")),
    path("schema", SchemaView.as_view(), name="schema"),
]
