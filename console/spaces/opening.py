"""Opening what is shared, for a partner's person and for a joined enterprise alike."""

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase

from upstream.models import Share


def opened(kind: str, *, url: str, file: str, file_name: str) -> HttpResponseBase:
    """A file is downloaded, never shown in our name; the rest is where it is."""
    if kind == Share.Kind.FILE:
        response = FileResponse(default_storage.open(file), as_attachment=True, filename=file_name)
        response["Content-Type"] = "application/octet-stream"
        response["X-Content-Type-Options"] = "nosniff"
        return response
    target = HttpResponse(status=302)
    target["Location"] = url  # its scheme was checked when it was shared
    target["Referrer-Policy"] = "no-referrer"
    return target
