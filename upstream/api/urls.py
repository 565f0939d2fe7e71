"""The routes of upstream under /api/v1/."""

from upstream.api import access, joining, partners, spaces

urlpatterns = [*spaces.urlpatterns, *partners.urlpatterns, *access.urlpatterns, *joining.urlpatterns]
