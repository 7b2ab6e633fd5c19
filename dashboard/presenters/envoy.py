"""What Envoy's names and flags mean, in plain words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from dashboard.analysis.envoy import (
    RESPONSE_FLAGS,
    Cluster,
    read_cluster,
    read_flags,
)
from dashboard.presenters import text
from dashboard.traces.trace import Trace


def flag_text(code: str) -> str:
    """A response flag in words; an unknown one shows itself."""
    return {
        "downstream-gone": _("The caller went away or gave up before the answer."),
        "delay-injected": _("The mesh was told to delay this call, as a test."),
        "fault-injected": _("The mesh was told to fail this call, as a test."),
        "health-check-failed": _("The health check of the callee failed."),
        "local-reset": _("The proxy reset the connection itself."),
        "no-route": _("The proxy knows no route for this host or path."),
        "no-cluster": _("The proxy knows no such cluster."),
        "rate-limited": _("A rate limit refused the call."),
        "not-authorised": _("An authorisation policy refused the call."),
        "upstream-closed": _("The callee closed the connection."),
        "connection-failed": _("The connection to the callee failed."),
        "no-healthy-host": _("The callee has no healthy host."),
        "max-stream-duration": _("The call reached the longest allowed duration."),
        "circuit-open": _("A circuit breaker refused the call."),
        "upstream-reset": _("The callee reset the connection."),
        "retries-exhausted": _("All retries failed."),
        "upstream-timeout": _("The callee did not answer in time."),
        "stream-idle-timeout": _("The stream was idle for too long."),
        "downstream-protocol-error": _("The caller broke the protocol."),
        "upstream-protocol-error": _("The callee broke the protocol."),
        "overload": _("The proxy was overloaded and refused the call."),
        "duration-timeout": _("The call reached the longest allowed duration."),
    }.get(code, code)


def reason(words: str) -> str:
    """Why a span failed; where it is Envoy's flags, in words."""
    codes = words.split(", ")
    if set(codes) <= set(RESPONSE_FLAGS.values()):
        return text.without_stop(" ".join(flag_text(code) for code in codes))
    return words


def cluster_text(cluster: Cluster) -> str:
    """``reviews in default, port 9080, subset v2``."""
    if cluster.direction == "inbound":
        return _("its own application, port %(port)s") % {"port": cluster.port}
    words = cluster.service or cluster.host
    if cluster.namespace:
        words = _("%(name)s in %(namespace)s") % {
            "name": words,
            "namespace": cluster.namespace,
        }
    if cluster.port:
        words += _(", port %(port)s") % {"port": cluster.port}
    if cluster.subset:
        words += _(", subset %(subset)s") % {"subset": cluster.subset}
    return words


def envoy_facts(trace: Trace, row: int) -> dict[str, Any] | None:
    """What a proxy's span says, or ``None`` where it says nothing of the kind."""
    cluster = read_cluster(trace.fact("upstream_cluster", row))
    flags = read_flags(trace.fact("response_flags", row))
    if cluster is None and not flags:
        return None
    upstream = None
    if cluster is not None:
        upstream = {
            "service": cluster.service,
            "namespace": cluster.namespace,
            "port": cluster.port,
            "subset": cluster.subset,
            "host": cluster.host,
            "direction": cluster.direction,
            "text": cluster_text(cluster),
        }
    words = []
    if upstream is not None:
        words.append(_("Calls %(upstream)s.") % {"upstream": upstream["text"]})
    told = [{"code": code, "text": flag_text(code)} for code in flags]
    return {
        "upstream": upstream,
        "flags": told,
        "text": " ".join([*words, *(one["text"] for one in told)]),
    }
