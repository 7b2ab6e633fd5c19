"""PNG from our own SVG pictures; no browser is needed."""

from __future__ import annotations

import threading
from pathlib import Path

import resvg_py
from django.conf import settings

_FONTS = ("latin-400", "latin-600", "latin-ext-400", "latin-ext-600")
_AT_ONCE = threading.BoundedSemaphore(2)  # pictures drawn at a time, a core each


def png_of(svg: str) -> bytes:
    """A picture as PNG, as large as the SVG says.

    The letters are those of the pages; what they lack comes from the system's fonts.
    """
    folder = Path(settings.BASE_DIR) / "static" / "dashboard" / "vendor" / "inter"
    files = [str(folder / f"inter-{name}.ttf") for name in _FONTS]
    with _AT_ONCE:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg, font_files=files, sans_serif_family="Inter"
            )
        )
