"""The composition: settings, URLs, Celery and the schedule. Imported by no room."""
