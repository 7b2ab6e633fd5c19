"""Compression with zstd; each thread keeps its machines, which are dear to make."""

from __future__ import annotations

import threading

import zstandard

LEVEL = 3


class _Machines(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_machines = _Machines()


def compress(plain: bytes) -> bytes:
    """The bytes, smaller."""
    return _machines.compressor.compress(plain)


def decompress(packed: bytes | memoryview[int]) -> bytes:
    """The inverse of ``compress``."""
    return _machines.decompressor.decompress(packed)
