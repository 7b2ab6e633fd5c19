"""The overview's server half: whole pages with 10 to 1,000 services, cold and kept.

.venv/bin/python -m benchmarks.services
"""

from __future__ import annotations

from benchmarks.graph import fill, prepare_database, timed  # sets Django up

# isort: split
from django.test import Client

from dashboard.actions.rollups import current_minute
from dashboard.reads.rollups import forget_windows

SIZES = ((10, 18), (200, 500), (1000, 3000))


def main() -> None:
    """Print a table."""
    prepare_database()
    client = Client(SERVER_NAME="localhost")
    start = (current_minute() - 120) * 60_000_000
    hour = f"start={start}&end={start + 3_600_000_000}"
    print("| services | page | KB | cold ms (CPU) | kept ms (CPU) |")
    print("|---|---|---|---|---|")
    for services, edges in SIZES:
        fill(services, edges, 0)
        for path in ("/services", "/services.json", "/services/service-0003"):

            def ask(path: str = path) -> bytes:
                answer = client.get(f"{path}?{hour}")
                assert answer.status_code == 200, answer.status_code
                return bytes(answer.content)

            size = len(ask()) / 1024
            cold, kept = timed(ask, forget_windows), timed(ask, lambda: None)
            print(
                f"| {services} | `{path}` | {size:.0f} | {cold[0]:.0f} ({cold[1]:.0f}) "
                f"| {kept[0]:.0f} ({kept[1]:.0f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
