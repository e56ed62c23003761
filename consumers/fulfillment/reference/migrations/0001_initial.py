from django.db import migrations, models

import commerce_events.bus.fields


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='ReferenceCourse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', commerce_events.bus.fields.DigestField(max_length=32, unique=True)),
                ('course_key', models.CharField(max_length=255)),
                ('modes', models.JSONField(default=dict)),
                ('capacity', models.IntegerField(blank=True, null=True)),
                ('enrollment_start', models.DateTimeField(blank=True, null=True)),
                ('enrollment_end', models.DateTimeField(blank=True, null=True)),
                ('invitation_only', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='ReferenceEnrollment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pair', commerce_events.bus.fields.DigestField(max_length=32, unique=True)),
                ('lms_user_id', models.BigIntegerField()),
                ('course_key', models.CharField(max_length=255)),
                ('mode', models.CharField(max_length=32)),
                ('is_active', models.BooleanField(default=True)),
                ('is_certified', models.BooleanField(default=False)),
                ('order_key', models.CharField(blank=True, default='', max_length=161)),
                ('order_number', models.CharField(blank=True, default='', max_length=255)),
                ('line_id', models.CharField(blank=True, default='', max_length=128)),
            ],
        ),
    ]
