"""A round says how many contacts were left out because another one held them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0020_inactive_last"),
    ]

    operations = [
        migrations.AddField(
            model_name="cleanup",
            name="left_out",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
