"""The routes of collaboration under /api/v1/."""

from collaboration.api import board, duplicates, transfers

urlpatterns = [*board.urlpatterns, *duplicates.urlpatterns, *transfers.urlpatterns]
