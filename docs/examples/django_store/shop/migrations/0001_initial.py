"""The table of orders."""
from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes it."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("course_key", models.CharField(max_length=255)),
                ("email", models.EmailField(max_length=254)),
                ("paid_at", models.DateTimeField(null=True)),
                ("is_refunded", models.BooleanField(default=False)),
            ],
        ),
    ]
