"""The calendar feed: read by calendar programs, which know a secret address and nothing else."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common.tenancy import tenant
from contacts.services import calendars
from enterprises.access import enterprise_id_of
from enterprises.actors import Actor
from enterprises.models import Enterprise


@never_cache
@require_safe
def feed(request: HttpRequest, code: str, secret: str) -> HttpResponse:
    """A member's planned follow-ups. One answer for every address that leads nowhere."""
    enterprise_id = enterprise_id_of(code)
    if enterprise_id is None:
        raise Http404
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        member = calendars.reader(secret) if enterprise else None
        if enterprise is None or member is None:
            raise Http404
        with translation.override((member.user.language if member.user else "") or settings.LANGUAGE_CODE):
            address = request.build_absolute_uri(f"/e/{code}/")
            content = calendars.calendar(Actor.of(enterprise, member, "api"), address=address)
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    return response


urlpatterns = [path("calendar/<slug:code>/<str:secret>.ics", feed, name="calendar-feed")]
