"""The search box of every page: whom somebody means who has typed so much."""

from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from console.base import Page
from contacts import search

LONGEST = 128


class ContactSearch(Page):
    """The rows below the box; without htmx, the list of contacts."""

    permission = "contacts.view"
    template = "console/frame/found.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        text = request.GET.get("search", "").replace("\0", "").strip()[:LONGEST]
        every = f"{reverse('contacts', kwargs={'code': self.enterprise.code})}?{urlencode({'search': text})}"
        if not request.htmx:  # type: ignore[attr-defined]
            return self.redirect(every)
        return self.render({"text": text, "found": search.suggestions(self.actor, text), "every_url": every})
