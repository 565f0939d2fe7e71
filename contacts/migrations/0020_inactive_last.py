"""Silent customers are listed by their last contact, too: all of them are at its end."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0019_search_looks_twice"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("inactive", True)),
                fields=["enterprise_id", "last_contact_at", "id"],
                name="contact_inactive_last",
            ),
        ),
    ]
