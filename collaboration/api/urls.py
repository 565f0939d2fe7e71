"""The routes of collaboration under /api/v1/."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []
