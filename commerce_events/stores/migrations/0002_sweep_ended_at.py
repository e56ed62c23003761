from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('commerce_stores', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='sweep',
            name='ended_at',
            field=models.DateTimeField(null=True),
        ),
    ]
