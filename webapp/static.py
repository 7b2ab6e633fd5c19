"""Serves static/ under an address that changes with its content, compressed.

Every address carries a digest of the whole folder, so files can be cached for
good, ES modules import each other by plain relative paths, and no build step
or rewriting of imports is needed. Compressed copies are made once per digest.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import brotli
from servestatic import ServeStaticASGI

log = logging.getLogger(__name__)
COMPRESSED = {".js", ".css", ".svg", ".json", ".txt"}


def digest_of(folder: Path) -> str:
    """Twelve hex digits that change when any file of the folder does."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            state.update(path.relative_to(folder).as_posix().encode() + b"\0")
            state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()[:12]


def prepare(folder: Path, target: Path) -> Path:
    """Copy ``folder`` to ``target`` with gzip and brotli twins; return ``target``.

    Done once: an existing target is complete, since it appears by a rename.
    Older targets beside it are removed.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    copy = work / "static"
    copy.mkdir()
    for source in sorted(folder.rglob("*")):  # without modes: they may be read-only
        place = copy / source.relative_to(folder)
        if source.is_dir():
            place.mkdir()
        else:
            shutil.copyfile(source, place)
    for path in list(copy.rglob("*")):
        if path.suffix in COMPRESSED and path.stat().st_size > 400:
            content = path.read_bytes()
            name = path.as_posix()
            quality = 9 if len(content) > 500_000 else 6
            Path(f"{name}.br").write_bytes(brotli.compress(content, quality=quality))
            Path(f"{name}.gz").write_bytes(gzip.compress(content, 6, mtime=0))
    try:
        os.rename(copy, target)
    except OSError:
        if not target.is_dir():
            raise
        log.debug("another process made %s first", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for old in target.parent.iterdir():
        if old != target and not old.name.startswith(".making-"):
            shutil.rmtree(old, ignore_errors=True)
    return target


def add_headers(headers: Any, path: str, url: str) -> None:
    """Headers of every static file beside those for caching."""
    headers["X-Content-Type-Options"] = "nosniff"


def with_static_files(application: Any) -> Any:
    """The ASGI application with static files before it, and the base path cut off."""
    from django.conf import settings

    prefix = f"/static/{settings.STATIC_DIGEST}/"
    root = prepare(settings.BASE_DIR / "static", settings.STATIC_ROOT)
    return ServeStaticASGI(
        application,
        root=root,
        prefix=prefix,
        max_age=365 * 24 * 3600,
        immutable_file_test=lambda path, url: True,
        allow_all_origins=False,
        add_headers_function=add_headers,
    )


def under_base_path(application: Any, base: str) -> Any:
    """The ASGI application with ``/base`` taken off the path where a proxy left it."""
    if not base:
        return application
    prefix = f"/{base}"

    async def stripped(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == prefix or path.startswith(prefix + "/"):
            scope = {**scope, "path": path[len(prefix) :] or "/", "root_path": ""}
        await application(scope, receive, send)

    return stripped
