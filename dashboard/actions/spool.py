"""Files in which accepted bodies wait to be stored; they survive a crash.

One file holds what several requests brought together: written under another
name, forced to the disk, then renamed. Whoever stores a file holds a lock on it,
which goes with the process, so any number of processes may share the folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: one process at a time, which the data directory holds
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
HEAD = struct.Struct("<4sIIH")  # mark, checksum, bytes of the body, of the names
MARK = b"SBQ1"
NAME = re.compile(r"(?P<stem>\d{20}-\d+-\d+)(?:\.(?P<tries>\d+))?\.batch\Z")
ALONE_AFTER = 2  # tries that did not come to an end
MAX_TRIES = 5
STALE_S = 3_600


class SpoolFull(Exception):
    """The files that wait hold as many bytes as they may."""


class SpoolBroken(Exception):
    """The body could not be written to the disk."""


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted body as it was sent."""

    receiver: str
    format: str
    encoding: str
    body: bytes

    def to_bytes(self) -> bytes:
        """With names, lengths and a checksum."""
        names = f"{self.receiver} {self.format} {self.encoding}".encode()
        check = zlib.crc32(self.body, zlib.crc32(names))
        head = HEAD.pack(MARK, check, len(self.body), len(names))
        return head + names + self.body


@dataclass(frozen=True, slots=True)
class State:
    """Files that wait, bytes of all, files in ``bad/``, age of the oldest."""

    files: int
    bytes: int
    bad: int
    age_s: float


@dataclass(slots=True, eq=False)
class _Put:
    data: bytes
    problem: Exception | None = None
    done: bool = False


class Claimed:
    """A file that this process stores now."""

    def __init__(self, path: Path, file: IO[bytes], size: int):
        self.path = path
        self.file = file
        self.size = size
        self.whole = True  # every record could be read

    def records(self) -> Iterator[Record]:
        """What the file holds, up to the first byte that is wrong."""
        while head := self.file.read(HEAD.size):
            record = self._record(head)
            if record is None:
                self.whole = False
                return
            yield record

    def _record(self, head: bytes) -> Record | None:
        if len(head) < HEAD.size:
            return None
        mark, check, size, names_size = HEAD.unpack(head)
        if mark != MARK or size > self.size:
            return None
        names, body = self.file.read(names_size), self.file.read(size)
        if len(body) < size or zlib.crc32(body, zlib.crc32(names)) != check:
            return None
        receiver, format, encoding = names.decode().split(" ")
        return Record(receiver, format, encoding, body)


class Spool:
    """A folder of files with accepted bodies, of at most ``limit`` bytes.

    Files that could not be stored lie in ``bad/`` and count as well.
    """

    def __init__(self, folder: Path, limit: int):
        self.folder = folder
        self.bad = folder / "bad"
        for path in (folder, self.bad):  # spans are for who runs this alone
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.limit = limit
        self.wake = threading.Event()  # set when a file was added
        self._mutex = threading.Lock()
        self._writer = threading.Lock()
        self._pending: list[_Put] = []
        self._pending_bytes = 0
        self._count = 0
        self._bytes = 0
        self.measure()

    def measure(self) -> State:
        """What the folder holds.

        Other processes add and remove files, so this is done at each pass.
        """
        sizes: list[int] = []
        bad = 0
        oldest_ns = now_ns = time.time_ns()
        for folder in (self.folder, self.bad):
            for entry in os.scandir(folder):
                match = NAME.match(entry.name)
                if match is None:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    sizes.append(entry.stat().st_size)
                    bad += folder is self.bad
                if folder is self.folder:
                    oldest_ns = min(oldest_ns, int(match["stem"][:20]))
        with self._mutex:
            self._bytes = sum(sizes)
        age_s = (now_ns - oldest_ns) / 1e9
        return State(len(sizes) - bad, sum(sizes), bad, age_s)

    def put(self, record: Record) -> None:
        """Keep a record; it is on the disk when this returns.

        What several threads put at a time is forced to the disk at once.
        Raises ``SpoolFull`` and ``SpoolBroken``.
        """
        mine = _Put(record.to_bytes())
        size = len(mine.data)
        with self._mutex:
            if self._bytes + self._pending_bytes + size > self.limit:
                raise SpoolFull
            self._pending.append(mine)
            self._pending_bytes += size
        with self._writer:
            if not mine.done:
                self._write_pending()
        if mine.problem is not None:
            raise SpoolBroken(str(mine.problem)) from mine.problem

    def _write_pending(self) -> None:
        with self._mutex:
            puts, self._pending = self._pending, []
        size = sum(len(put.data) for put in puts)
        written = 0
        try:
            self._write(self.folder, [put.data for put in puts])
            written = size
        except Exception as problem:
            known = isinstance(problem, OSError)
            log.error("The queue can not be written: %s", problem, exc_info=not known)
            for put in puts:
                put.problem = problem
        finally:
            with self._mutex:
                self._pending_bytes -= size
                self._bytes += written
            for put in puts:
                put.done = True
        self.wake.set()

    def _write(self, folder: Path, parts: list[bytes]) -> None:
        self._count += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._count}"
        work = folder / f"{name}.tmp"
        try:
            with work.open("xb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            work.rename(folder / f"{name}.batch")
        except OSError:
            work.unlink(missing_ok=True)
            raise
        sync_folder(folder)

    def claim(self, at_most: int) -> list[Claimed]:
        """Files to store now, the oldest first; at least one, if any is free.

        A file that was claimed before and not finished (a crash, by itself or by
        chance) is claimed alone, and after five times set aside.
        """
        found: list[Claimed] = []
        size = 0
        for name in sorted(os.listdir(self.folder)):
            match = NAME.match(name)
            if match is None:
                self._remove_stale(name)
                continue
            tries = int(match["tries"] or 0)
            if found and (size >= at_most or tries >= ALONE_AFTER):
                break
            claimed = self._lock(self.folder / name)
            if claimed is None:
                continue
            if tries >= MAX_TRIES:
                self.set_aside(claimed, f"it was not finished {tries} times")
                continue
            after = self.folder / f"{match['stem']}.{tries + 1}.batch"
            claimed.path = claimed.path.rename(after)
            found.append(claimed)
            size += claimed.size
            if tries >= ALONE_AFTER:
                break
        return found

    def _lock(self, path: Path) -> Claimed | None:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None  # another process was faster
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            state = os.fstat(file.fileno())
            if path.stat().st_ino == state.st_ino:
                return Claimed(path, file, state.st_size)
        except (BlockingIOError, FileNotFoundError):
            log.debug("%s is another process's", path)
        file.close()
        return None

    def _remove_stale(self, name: str) -> None:
        """Remove what a crash left half written; nobody was told that it is safe."""
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            if path.suffix == ".tmp" and time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()

    def finish(self, claimed: Claimed) -> None:
        """All of a file is stored: remove it."""
        claimed.path.unlink()
        claimed.file.close()
        with self._mutex:
            self._bytes = max(0, self._bytes - claimed.size)

    def give_back(self, claimed: Claimed) -> None:
        """The store does not answer: leave a file as it was, for a later try."""
        match = NAME.match(claimed.path.name)
        assert match is not None
        tries = int(match["tries"] or 1) - 1
        claimed.path.rename(self.folder / f"{match['stem']}.{tries}.batch")
        claimed.file.close()

    def set_aside(self, claimed: Claimed, why: str) -> None:
        """Keep a file that can not be stored where it is not tried again."""
        match = NAME.match(claimed.path.name)
        assert match is not None
        target = self.bad / f"{match['stem']}.batch"
        claimed.path.rename(target)
        claimed.file.close()
        log.error("Accepted spans were set aside in %s: %s", target, why)

    def set_record_aside(self, record: Record, why: str) -> None:
        """The same for one record of a file."""
        self._write(self.bad, [record.to_bytes()])
        log.error("Accepted spans were set aside in %s: %s", self.bad, why)


def sync_folder(folder: Path) -> None:
    """Force new names of a folder to the disk."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
