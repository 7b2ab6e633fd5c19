"""``up``: the whole of Spanboard in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser

from dashboard.access.addresses import is_loopback
from dashboard.startup import (
    CannotStart,
    bind,
    check_accounts,
    check_address,
    lock_data_dir,
    prepare_database,
)

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Server, worker, beat and (without a source) demo traffic, until Ctrl-C."""

    help = "Runs Spanboard: pages, live updates, pulling and, without a source, a demo."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Each option has a variable; manage.py puts it there before settings load."""
        parser.add_argument("--port", help="port (SPANBOARD_PORT, 8765)")
        parser.add_argument("--host", help="address (SPANBOARD_HOST, 127.0.0.1)")
        parser.add_argument("--data-dir", help="where data lives (SPANBOARD_DATA_DIR)")
        parser.add_argument(
            "--jaeger",
            metavar="URL",
            help="Jaeger to pull, or several with commas (SPANBOARD_JAEGER_URL)",
        )
        parser.add_argument("--base-path", help="sub-path (SPANBOARD_BASE_PATH)")
        parser.add_argument(
            "--no-demo",
            action="store_true",
            help="make no demo traffic (SPANBOARD_DEMO=0)",
        )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        """Options must be written out: manage.py reads them before Django does."""
        return super().create_parser(*args, allow_abbrev=False, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, serve, and stop everything within 3 s of a signal."""
        try:
            self.serve()
        except (CannotStart, ImproperlyConfigured) as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)

    def serve(self) -> None:
        """Check, start the parts, run the server."""
        host, port = settings.SPANBOARD_HOST, settings.SPANBOARD_PORT
        for place in settings.SPANBOARD_JAEGERS:
            check_address(place.url)
        os.umask(0o077)  # traces are for who runs this, not for the whole machine
        lock = lock_data_dir(settings.SPANBOARD_DATA_DIR)
        sock = bind(host, port)
        prepare_database()
        if not is_loopback(host):
            check_accounts(host)

        from dashboard.actions.sources import prepare_sources
        from dashboard.runtime import EmbeddedCelery

        demo_wanted = prepare_sources()
        celery = None
        if not settings.SPANBOARD_BROKER_URL:
            from celery import current_app

            celery = EmbeddedCelery(current_app._get_current_object())
        stop = threading.Event()
        shown = f"[{host}]" if ":" in host else host
        base = (
            f"/{settings.SPANBOARD_BASE_PATH}" if settings.SPANBOARD_BASE_PATH else ""
        )
        url = f"http://{shown}:{port}{base}/"
        try:
            asyncio.run(self._run(sock, url, celery, demo_wanted, stop))
        finally:
            stop.set()
            if celery is not None:
                celery.stop()
            with contextlib.suppress(OSError):  # the lock file may be gone already
                lock.close()
        self.stdout.flush()
        # Daemon threads may still hold a socket to a slow backend; do not wait.
        os._exit(0)

    async def _run(
        self,
        sock: Any,
        url: str,
        celery: Any,
        demo_wanted: bool,
        stop: threading.Event,
    ) -> None:
        import uvicorn
        from django.utils.module_loading import import_string

        from dashboard.live.events import use_loop

        application = import_string(settings.ASGI_APPLICATION)
        use_loop(asyncio.get_running_loop())
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            ws_per_message_deflate=False,  # 0.3 MB a connection, CPU a message
            ws_max_size=65_536,  # pages send words
            server_header=False,
        )
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()

        def leave() -> None:
            if server.should_exit:
                server.force_exit = True
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, leave)
        server.install_signal_handlers = lambda: None
        server.capture_signals = contextlib.nullcontext
        if celery is not None:
            celery.start()
        self.stdout.write(f"Spanboard runs at {url}  (Ctrl-C ends it)")
        self.stdout.flush()
        if demo_wanted:
            start_demo(url, stop)
        await server.serve(sockets=[sock])


def start_demo(url: str, stop: threading.Event) -> None:
    """Run the built-in Bookinfo in a daemon thread, sending to our own receiver."""
    from dashboard.actions.sources import DEMO_HEADER, demo_key
    from dashboard.demo import run

    def traffic() -> None:
        try:
            run(f"{url}v1/traces", stop, headers={DEMO_HEADER: demo_key()})
        except Exception:
            log.exception("The demo traffic stopped")

    threading.Thread(target=traffic, name="demo", daemon=True).start()
