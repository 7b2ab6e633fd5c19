"""Settings of the tests: the real ones, with a data directory of their own."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("SPANBOARD_DATA_DIR", tempfile.mkdtemp(prefix="spanboard-test-"))
os.environ["SPANBOARD_DEMO"] = "0"

from webapp.settings import *  # noqa: F403 (the environment goes first)
