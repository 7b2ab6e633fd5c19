"""What is checked and done before the server starts, each fault with its sentence."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class CannotStart(Exception):
    """The server can not start; the text says why and what to do."""


def check_address(url: str) -> None:
    """Refuse an address of Jaeger that can not be one; nothing is asked of it."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        fine = False
    if url and not fine:
        raise CannotStart(
            f"{url} is no address of a Jaeger. Write it with http:// or https://, "
            "for instance --jaeger http://localhost:16686"
        )


def lock_data_dir(folder: Path) -> IO[str]:
    """Hold the data directory for this process; keep the result while it runs."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (folder / "lock").open("a+", encoding="ascii")
    except OSError as problem:
        raise CannotStart(
            f"The data directory {folder} can not be written ({problem.strerror}). "
            "Choose another with --data-dir or SPANBOARD_DATA_DIR."
        ) from problem
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks, SQLite's own must do
        return handle
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        raise CannotStart(
            f"Another Spanboard (process {holder}) uses the data directory {folder}. "
            "Stop it, or choose another with --data-dir."
        ) from problem
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, so that a taken port is known before anything starts."""
    if not 0 < port < 65_536:
        raise CannotStart(f"{port} is no port; choose one of 1 to 65535 with --port.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    if os.name == "posix":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host.strip("[]"), port))
        sock.listen(2048)
    except OSError as problem:
        sock.close()
        if problem.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"Port {port} on {host} is taken. Stop what listens there, or choose "
                f"another: ./spanboard up --port {port + 1}"
            ) from problem
        raise CannotStart(
            f"{host}:{port} can not be opened ({problem.strerror}). "
            "Check --host and --port."
        ) from problem
    sock.set_inheritable(True)
    return sock


def missing_migrations() -> list[str]:
    """Names of the steps that the database lacks of this version's shape."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{step.app_label}.{step.name}" for step, _ in plan]


def prepare_database() -> None:
    """Bring the database to this version's shape, or say why it can not be.

    Raises ``CannotStart`` for a database of a newer version or of something else.
    """
    from django.core.management import call_command
    from django.db import DatabaseError

    name = connection.settings_dict["NAME"]
    try:
        executor = MigrationExecutor(connection)
        known = set(executor.loader.disk_migrations)
        applied = set(executor.loader.applied_migrations)
        unknown = sorted(name for app, name in applied - known if app == "dashboard")
        if unknown:
            raise CannotStart(
                f"The database {name} was written by a newer Spanboard (it has "
                f"{unknown[-1]}). Update Spanboard, or start with an empty "
                "--data-dir."
            )
        tables = set(connection.introspection.table_names())
        ours = any(app == "dashboard" for app, _ in applied)
        if tables - {"django_migrations"} and not ours:
            raise CannotStart(
                f"The database {name} holds tables of something else. Choose "
                "another with --data-dir or SPANBOARD_DATABASE_URL."
            )
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as problem:
        raise CannotStart(
            f"The database {name} can not be used or brought up to date ({problem}). "
            "What it holds was left as it was; restore it from a copy, or start with "
            "an empty --data-dir."
        ) from problem


def check_accounts(host: str) -> None:
    """Refuse an address that others reach while nobody could sign in."""
    from django.conf import settings

    from dashboard.access.models import User

    if settings.SPANBOARD_ANONYMOUS or settings.SPANBOARD_PROXY_USER_HEADER:
        return
    if User.objects.filter(is_active=True).exists():
        return
    raise CannotStart(
        f"{host} can be reached from other machines, and there is no account yet, so "
        "nobody there could sign in. Make one first:\n"
        "  ./spanboard user add NAME --role admin\n"
        "or let everybody read with SPANBOARD_ANONYMOUS=viewer. Name the hosts under "
        "which it is reached in SPANBOARD_ALLOWED_HOSTS."
    )
