"""Names of node and edge attributes of a service graph."""

from __future__ import annotations

CALLS = "calls"
ERRORS = "errors"
ATTEMPTS = "attempts"
SUM_NS = "sum_ns"
HISTOGRAM = "histogram"
VERSIONS = "versions"
KIND = "kind"
VIRTUAL = "virtual"
ASYNC = "asynchronous"
REQUESTS = "requests"
FAILED = "failed"
NAMESPACE = "namespace"
PAIRS = "version_pairs"
