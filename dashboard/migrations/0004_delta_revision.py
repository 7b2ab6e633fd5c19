from django.db import migrations, models

import dashboard.models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0003_rollup_levels'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollupdelta',
            name='revision',
            field=models.BigIntegerField(default=dashboard.models.fresh_revision),
        ),
    ]
