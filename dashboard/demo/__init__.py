"""A built-in Bookinfo that makes real spans with the OpenTelemetry SDK."""

from __future__ import annotations

from dashboard.demo.traffic import run

__all__ = ["run"]
