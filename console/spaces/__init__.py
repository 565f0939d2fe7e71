"""Upstream and downstream: spaces, partners and their people, who sees whom."""

from console.spaces import access, partners, spaces

urlpatterns = [*spaces.urlpatterns, *partners.urlpatterns, *access.urlpatterns]
