"""The tables go behind the wall."""

from django.db import migrations

from common.postgres.operations import TenantTable


class Migration(migrations.Migration):
    dependencies = (
        ("jobs", "0001_initial"),
        ("enterprises", "0002_wall"),
    )

    operations = (
        TenantTable("JobRun"),
        TenantTable("Notification"),
    )
