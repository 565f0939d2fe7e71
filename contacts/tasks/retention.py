"""The nightly end of old interactions."""

from django.utils.translation import gettext_lazy as _

from contacts.services import retention
from jobs.registry import daily, job

job(retention.JOB, label=_("Forget old interactions"), window=daily)(retention.forget_old)
