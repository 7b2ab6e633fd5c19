"""What the frame around every page needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard.presenters.sources import failing
from dashboard.presenters.strings import common_strings


def frame(request: HttpRequest) -> dict[str, Any]:
    """Failing sources, common texts and the base of WebSocket addresses."""
    base = f"/{settings.SPANBOARD_BASE_PATH}/" if settings.SPANBOARD_BASE_PATH else "/"
    if request.path_info.startswith("/s/"):
        return {"failing": [], "common": common_strings(), "base_path": base}
    return {"failing": failing(), "common": common_strings(), "base_path": base}
