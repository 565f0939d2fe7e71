"""The routes of collaboration under /api/v1/."""

from collaboration.api import board, duplicates, grants, transfers

urlpatterns = [*board.urlpatterns, *duplicates.urlpatterns, *grants.urlpatterns, *transfers.urlpatterns]
