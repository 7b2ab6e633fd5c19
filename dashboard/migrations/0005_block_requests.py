from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0004_delta_revision'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollupblock',
            name='requests',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='rollupblock',
            name='failed',
            field=models.BigIntegerField(null=True),
        ),
    ]
