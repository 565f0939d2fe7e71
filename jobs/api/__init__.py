"""REST: jobs, notifications, webhooks; a module per noun."""

from jobs.api import mails, notifications, runs, webhooks
from jobs.api.runs import JobReference

__all__ = ["JobReference", "urlpatterns"]

urlpatterns = [*runs.urlpatterns, *notifications.urlpatterns, *webhooks.urlpatterns, *mails.urlpatterns]
