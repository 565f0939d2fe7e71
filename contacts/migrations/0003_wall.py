"""The tables go behind the wall."""

from django.db import migrations

from common.postgres.operations import TenantTable


class Migration(migrations.Migration):
    dependencies = (
        ("contacts", "0002_initial"),
        ("enterprises", "0002_wall"),
        ("jobs", "0002_wall"),
        ("quota", "0002_wall"),
    )

    operations = (
        TenantTable("Contact"),
        TenantTable("Follow"),
        TenantTable("TagGroup"),
        TenantTable("Tag"),
        TenantTable("FollowTag"),
        TenantTable("GroupChat"),
        TenantTable("GroupMember"),
        TenantTable("Interaction"),
        TenantTable("Purchase"),
        TenantTable("BulkItem"),
    )
