"""The nightly grading."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import grading
from enterprises import audit
from jobs.registry import daily, job
from jobs.runner import JobContext


@job("contacts.grade", label=_("Value grades"), window=daily)
def grade(context: JobContext) -> dict[str, Any]:
    """Spend, grade and activity of all contacts (C9, C10). Result: contacts, changed, grades: {grade: contacts}."""
    with context.step():
        changed = grading.grade_all(clock.now())
        grades = grading.grades()
        context.done = context.total = sum(grades.values())
        if changed:
            after = {"changed": changed, "grades": grades}
            audit.record(context.actor, "contacts.graded", subject_type="contact", after=after)
    return {"contacts": context.done, "changed": changed, "grades": grades}
