"""The routes of collaboration under /api/v1/."""

from collaboration.api import transfers

urlpatterns = [*transfers.urlpatterns]
