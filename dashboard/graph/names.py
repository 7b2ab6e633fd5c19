"""Names of the nodes of each level; unique, and readable in an address."""

from __future__ import annotations

LEVELS = ("service", "namespace", "version", "operation", "instance")
MARKS = {"version": "@", "operation": "::", "instance": "/"}
GROUP = "group:"


def node_id(level: str, service: str, part: str) -> str:
    """``reviews@v2``, ``shop::GET /cart``, ``shop/pod-1``; without a part the service.

    What could be taken for the mark inside a service's name is escaped.
    """
    mark = MARKS[level]
    if "\\" in service or mark[0] in service:
        service = service.replace("\\", "\\\\").replace(mark[0], "\\" + mark[0])
    return f"{service}{mark}{part}" if part else service


def namespace_id(namespace: str, virtual: bool, kind: str) -> str:
    """A namespace; what has none is put together, by kind where it sent no spans."""
    if namespace:
        return f"\\{namespace}" if namespace[0] in "(\\" else namespace
    return f"({kind})" if virtual else "(none)"
