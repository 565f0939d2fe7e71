import django.db.models.deletion
from django.db import migrations

import common.tenancy

KEY = "collaboration_transfer_enterprise_fk"


class Migration(migrations.Migration):
    dependencies = [
        ("collaboration", "0004_grants"),
        ("enterprises", "0003_people"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transfer",
            name="member",
            field=common.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="enterprises.member",
                verbose_name="member",
            ),
        ),
        # No mandatory reference says any more that the enterprise exists (TenantTable's `anchored`).
        migrations.RunSQL(
            f"ALTER TABLE collaboration_transfer ADD CONSTRAINT {KEY}"
            " FOREIGN KEY (enterprise_id) REFERENCES enterprises_enterprise (id)",
            f"ALTER TABLE collaboration_transfer DROP CONSTRAINT {KEY}",
        ),
    ]
