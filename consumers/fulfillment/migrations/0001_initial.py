from django.db import migrations, models

import commerce_events.bus.fields


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stream_id', models.BigIntegerField(db_index=True)),
                ('event_digest', commerce_events.bus.fields.DigestField(max_length=32)),
                ('event_type', models.CharField(max_length=128)),
                ('attempt', models.IntegerField(default=1)),
                ('actor', models.CharField(default='rules', max_length=150)),
                ('decided_at', models.DateTimeField()),
                ('detail', models.TextField(default='[]')),
                ('trace', models.TextField(blank=True, default='')),
            ],
        ),
        migrations.CreateModel(
            name='CourseAccess',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pair', commerce_events.bus.fields.DigestField(max_length=32, unique=True)),
                ('lms_user_id', models.BigIntegerField()),
                ('course_key', models.CharField(max_length=255)),
                ('base', models.CharField(max_length=32, null=True)),
                ('last_mode', models.CharField(max_length=32, null=True)),
                ('last_active', models.BooleanField(default=False)),
            ],
            options={
                'verbose_name_plural': 'course accesses',
            },
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stream_id', models.BigIntegerField()),
                ('line_digest', commerce_events.bus.fields.DigestField(max_length=32)),
                ('order_key', models.CharField(max_length=161)),
                ('order_number', models.CharField(max_length=255)),
                ('line_id', models.CharField(max_length=128)),
                ('state', models.CharField(max_length=12)),
                ('pair', commerce_events.bus.fields.DigestField(max_length=32, null=True)),
                ('lms_user_id', models.BigIntegerField(null=True)),
                ('course_key', models.CharField(blank=True, default='', max_length=255)),
                ('product_kind', models.CharField(max_length=64)),
                ('mode', models.CharField(blank=True, default='', max_length=32)),
                ('paid_at', models.DateTimeField(null=True)),
                ('quantity', models.IntegerField(default=0)),
                ('seats_used', models.IntegerField(default=0)),
                ('refunded_total', models.IntegerField(default=0)),
                ('ordered_quantity', models.IntegerField(default=0)),
                ('is_full', models.BooleanField(default=False)),
                ('chargeback', models.BooleanField(default=False)),
                ('hint', models.CharField(blank=True, default='', max_length=12)),
                ('found', models.CharField(blank=True, default='', max_length=8)),
                ('content', commerce_events.bus.fields.DigestField(max_length=32, null=True)),
                ('outcome', models.CharField(blank=True, default='', max_length=12)),
                ('reason', models.CharField(blank=True, default='', max_length=64)),
            ],
            options={
                'indexes': [models.Index(fields=['pair'], name='ful_grant_pair')],
                'constraints': [models.UniqueConstraint(fields=('stream_id', 'line_digest'), name='ful_grant_line')],
            },
        ),
        migrations.CreateModel(
            name='WaitingLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stream_id', models.BigIntegerField()),
                ('line_digest', commerce_events.bus.fields.DigestField(max_length=32)),
                ('order_key', models.CharField(max_length=161)),
                ('line_id', models.CharField(max_length=128)),
                ('email_digest', commerce_events.bus.fields.DigestField(max_length=32, null=True)),
                ('username_digest', commerce_events.bus.fields.DigestField(max_length=32, null=True)),
                ('lms_user_id', models.BigIntegerField(null=True)),
                ('learner', models.TextField()),
            ],
            options={
                'indexes': [models.Index(fields=['email_digest'], name='ful_waiting_email'), models.Index(fields=['username_digest'], name='ful_waiting_username'), models.Index(fields=['lms_user_id'], name='ful_waiting_user')],
                'constraints': [models.UniqueConstraint(fields=('stream_id', 'line_digest'), name='ful_waiting_line')],
            },
        ),
    ]
