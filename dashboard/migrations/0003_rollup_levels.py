from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0002_listed_copies'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='rollupblock', name='one_block'),
        migrations.AddField(
            model_name='rollupblock',
            name='level',
            field=models.CharField(default='', max_length=20),
        ),
        migrations.AddField(
            model_name='rollupblock',
            name='revision',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name='rollupblock',
            constraint=models.UniqueConstraint(
                fields=('source', 'span_minutes', 'minute', 'overlap', 'level'),
                name='one_block',
            ),
        ),
    ]
