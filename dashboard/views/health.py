"""Health for machines: alive, and ready to serve."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from dashboard.presenters import store_faults
from dashboard.startup import missing_migrations
from dashboard.storing import present_trouble

BROKER_S = 1.0
_migrated = False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"ok": True})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether requests can be served: the database answers in this version's shape.

    A broker that is away is told, but pages and receivers do without it: taking
    all servers away for it would make an outage of it.
    """
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            missing = missing_migrations()
            if missing:
                return _not_ready(f"The database lacks {missing[0]}: run migrate.")
            _migrated = True
    except DatabaseError:
        return _not_ready("The database does not answer.")
    told: dict[str, object] = {"ok": True, "database": "ok", "broker": _broker()}
    trouble = present_trouble()
    if trouble:
        told["storing"] = store_faults.sentence(trouble[0])
    return JsonResponse(told)


def _not_ready(text: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": text}, status=503)


def _broker() -> str:
    """``ok``, ``embedded``, or what is wrong with it."""
    if not settings.SPANBOARD_BROKER_URL:
        return "embedded"
    from celery import current_app
    from kombu.exceptions import KombuError

    with current_app.connection_for_write(connect_timeout=BROKER_S) as broker:
        try:
            broker.ensure_connection(max_retries=1, timeout=BROKER_S)
        except (KombuError, OSError) as problem:
            return f"does not answer ({type(problem).__name__})"
    return "ok"
