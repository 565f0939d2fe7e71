"""All addresses."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path

from enterprises.platform import site
from scrm import docs


def closed(request: HttpRequest) -> HttpResponse:
    """Pages of allauth that we do not offer: accounts are made by sign-up or invitation, for a proved address."""
    raise Http404


urlpatterns = [
    path("account/email/", closed),
    path("account/signup/", closed),
    path("api/docs", docs.page, name="api-docs"),
    path("api/v1/", include("scrm.api")),
    path("account/", include("allauth.urls")),
    path("platform/", site.urls),
    path("", include("console.urls")),
]

handler400 = "console.errors.bad_request"
handler403 = "console.errors.forbidden"
handler404 = "console.errors.not_found"
handler429 = "console.errors.too_many"  # allauth asks for it
handler500 = "console.errors.server_error"
