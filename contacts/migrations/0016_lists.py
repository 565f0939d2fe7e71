"""Lists at a million contacts: spending as an integer, states in the index of a member's follows."""

import django.db.models.expressions
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0015_grants"),
        ("enterprises", "0003_people"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="contact",
            name="contact_spend",
        ),
        migrations.RemoveIndex(
            model_name="follow",
            name="follow_member",
        ),
        migrations.AddField(
            model_name="contact",
            name="spend_cents",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Cast(
                    django.db.models.expressions.CombinedExpression(models.F("spend_365d"), "*", models.Value(100)),
                    models.BigIntegerField(),
                ),
                output_field=models.BigIntegerField(),
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["enterprise_id", "spend_cents", "id"], name="contact_spend"),
        ),
        migrations.AddIndex(
            model_name="follow",
            index=models.Index(fields=["enterprise_id", "member", "contact"], include=("state",), name="follow_member"),
        ),
    ]
