"""HTTP routes, grouped by noun."""

from __future__ import annotations

from django.urls import path

from dashboard.views import (
    account,
    carry,
    compare,
    doctor,
    events,
    graph_share,
    health,
    lab,
    links,
    metrics,
    notes,
    picture,
    saved_searches,
    search,
    search_line,
    services,
    share,
    shares,
    sources,
    span,
    stitched,
    topology,
    trace,
    trace_exports,
    trace_views,
)
from dashboard.views.api import jaeger_v1, jaeger_v3, otlp, zipkin

app_name = "dashboard"
search_urls = [
    path("", search.index, name="home"),
    path("search", search.index, name="search"),
    path("search/ask", search.ask, name="search-ask"),
    path("search/line", search_line.line, name="search-line"),
    path("search/saved", saved_searches.keep, name="search-keep"),
    path(
        "search/saved/<int:search_id>/remove",
        saved_searches.forget,
        name="search-forget",
    ),
    path("search/words", search_line.words, name="search-words"),
    path("lookup", search.lookup, name="lookup"),
    path("upload", search.upload, name="upload"),
]
trace_urls = [
    path("trace/<str:trace_id>.json", trace_exports.document, name="trace-document"),
    path("trace/<str:first>...<str:rest>", compare.traces, name="trace-compare"),
    path("trace/<str:trace_id>", trace.show, name="trace"),
    path("trace/<str:trace_id>/alike", compare.alike, name="trace-alike"),
    path("trace/<str:trace_id>/fastest", compare.fastest, name="trace-fastest"),
    path("compare", compare.show, name="compare"),
    path("services", services.index, name="services"),
    path("services.json", services.data, name="services-data"),
    path("services/<path:name>", services.service, name="service"),
    path("trace/<str:trace_id>/payload", trace.payload, name="trace-payload"),
    path("trace/<str:trace_id>/span/<int:row>", span.span, name="trace-span"),
    path("trace/<str:trace_id>/span/<int:row>/more", span.more, name="span-more"),
    path("trace/<str:trace_id>/span/<int:row>/value", span.value, name="span-value"),
    path("trace/<str:trace_id>/find", trace.find, name="trace-find"),
    path("trace/<str:trace_id>/notes", notes.trace_notes, name="trace-notes"),
    path("trace/<str:trace_id>/notes/new", notes.add, name="note-add"),
    path("notes/<int:note_id>/edit", notes.edit, name="note-edit"),
    path("notes/<int:note_id>/delete", notes.delete, name="note-delete"),
    path("trace/<str:trace_id>/events", events.trace_events, name="trace-events"),
    path(
        "trace/<str:trace_id>/download", trace_exports.download, name="trace-download"
    ),
    path(
        "trace/<str:trace_id>/span/<int:row>/raw",
        trace_exports.raw_span,
        name="trace-raw",
    ),
    path(
        "trace/<str:trace_id>/statistics",
        trace_views.statistics,
        name="trace-statistics",
    ),
    path("trace/<str:trace_id>/rows", trace_views.rows, name="trace-rows"),
    path("trace/<str:trace_id>/graph", trace_views.graph, name="trace-graph"),
    path("trace/<str:trace_id>/logs", trace_views.logs, name="trace-logs"),
    path("trace/<str:trace_id>/spans.csv", trace_views.spans_file, name="trace-csv"),
]
graph_urls = [
    path("graph", topology.show, name="graph"),
    path("graph.json", topology.data, name="graph-data"),
    path("graph/questions.json", topology.questions, name="graph-questions"),
    path("graph.dot", topology.export, {"kind": "dot"}, name="graph-dot"),
    path("graph.graphml", topology.export, {"kind": "graphml"}, name="graph-graphml"),
    path("graph.mmd", topology.export, {"kind": "mmd"}, name="graph-mermaid"),
    path("graph/band.json", topology.band, name="graph-band"),
    path("graph/diff.json", topology.diff, name="graph-diff"),
    path("graph/overlay.json", topology.overlay, name="graph-overlay"),
    path("graph/paths.json", topology.paths, name="graph-paths"),
    path("graph/span", topology.span, name="graph-span"),
    path("graph/edge.json", topology.edge, name="graph-edge"),
    path("graph/node.json", topology.node, name="graph-node"),
    path("dependencies", topology.show, name="dependencies"),
    path("deep-dependencies", topology.deep, name="deep-dependencies"),
    path("api/dependencies", topology.dependencies, name="api-dependencies"),
]
share_urls = [
    path("shares", shares.index, name="shares"),
    path("shares/new", share.create, name="share-create"),
    path("shares/preview", share.preview, name="share-preview"),
    path("shares/graph/new", graph_share.create, name="share-graph-create"),
    path("shares/graph/preview", graph_share.preview, name="share-graph-preview"),
    path("shares/erase", shares.erase, name="share-erase"),
    path("shares/import", carry.take_in, name="share-import"),
    path("shares/<int:share_id>/revoke", shares.revoke, name="share-revoke"),
    path("shares/<int:share_id>/extend", shares.extend, name="share-extend"),
    path("shares/<int:share_id>/delete", shares.delete, name="share-delete"),
    path("shares/<int:share_id>/renew", shares.renew, name="share-renew"),
    path("links/new", links.create, name="link-create"),
    path("l/<str:code>", links.open_link, name="link-open"),
    path("s/<str:token>/seen", share.seen, name="share-seen"),
    path("s/<str:token>", share.open_link, name="share-open"),
    path("s/<str:token>/panel.json", graph_share.panel, name="share-panel"),
    path("s/<str:token>/payload", share.share_payload, name="share-payload"),
    path("s/<str:token>/span/<int:row>", span.share_span, name="share-span"),
    path("s/<str:token>/span/<int:row>/more", span.share_more, name="share-more"),
    path("s/<str:token>/span/<int:row>/value", span.share_value, name="share-value"),
    path("s/<str:token>/find", share.share_find, name="share-find"),
    path("s/<str:token>/download", carry.download, name="share-download"),
    path(
        "s/<str:token>/span/<int:row>/raw",
        trace_exports.share_raw_span,
        name="share-raw",
    ),
    path(
        "s/<str:token>/statistics",
        trace_views.share_statistics,
        name="share-statistics",
    ),
    path("s/<str:token>/rows", trace_views.share_rows, name="share-rows"),
    path("s/<str:token>/graph", trace_views.share_graph, name="share-graph"),
    path("s/<str:token>/logs", trace_views.share_logs, name="share-logs"),
    path("s/<str:token>/spans.csv", trace_views.share_spans_file, name="share-csv"),
    path(
        "s/<str:token>/picture.svg",
        picture.share_picture,
        {"kind": "svg"},
        name="share-svg",
    ),
    path(
        "s/<str:token>/picture.png",
        picture.share_picture,
        {"kind": "png"},
        name="share-png",
    ),
    path("s/<str:token>/notes", notes.share_notes, name="share-notes"),
    path("s/<str:token>/thread", notes.thread, name="share-thread"),
    path("s/<str:token>/thread/new", notes.comment, name="share-comment"),
    path(
        "s/<str:token>/thread/<int:comment_id>/delete",
        notes.delete_comment,
        name="share-comment-delete",
    ),
    path("s/<str:token>/events", events.share_events, name="share-events"),
]
lab_urls = [
    path("lab", lab.index, name="lab"),
    path("lab/state.json", lab.state, name="lab-state"),
    path("lab/switch", lab.switch, name="lab-switch"),
    path("lab/send", lab.send, name="lab-send"),
]
doctor_urls = [
    path("doctor", doctor.index, name="doctor"),
    path("doctor.json", doctor.data, name="doctor-data"),
    path("doctor/<int:finding_id>/judge", doctor.judge, name="doctor-judge"),
    path("stitched/<str:trace_ids>", stitched.show, name="stitched"),
    path("stitched/<str:trace_ids>/payload", stitched.payload, name="stitched-payload"),
    path("stitched/<str:trace_ids>/span/<int:row>", stitched.one, name="stitched-span"),
    path(
        "stitched/<str:trace_ids>/span/<int:row>/more",
        stitched.more,
        name="stitched-more",
    ),
    path(
        "stitched/<str:trace_ids>/span/<int:row>/value",
        stitched.value,
        name="stitched-value",
    ),
    path("stitched/<str:trace_ids>/find", stitched.find, name="stitched-find"),
    path("stitched/<str:trace_ids>/events", stitched.log_times, name="stitched-events"),
    path(
        "stitched/<str:trace_ids>/statistics",
        stitched.statistics,
        name="stitched-statistics",
    ),
    path("stitched/<str:trace_ids>/rows", stitched.rows, name="stitched-rows"),
    path("stitched/<str:trace_ids>/graph", stitched.graph, name="stitched-graph"),
    path("stitched/<str:trace_ids>/logs", stitched.logs, name="stitched-logs"),
    path(
        "stitched/<str:trace_ids>/spans.csv", stitched.spans_file, name="stitched-csv"
    ),
]
account_urls = [
    path("sign-in", account.sign_in, name="sign-in"),
    path("sign-out", account.sign_out, name="sign-out"),
    path("account", account.account, name="account"),
]
source_urls = [
    path("sources", sources.index, name="sources"),
    path("sources/<int:source_id>/switch", sources.switch, name="source-switch"),
    path("sources/<int:source_id>/remove", sources.remove, name="source-remove"),
    path("sources/<int:source_id>/choice", sources.choose, name="source-choice"),
    path("sources/<int:source_id>/back-fill", sources.back_fill, name="back-fill"),
    path("back-fills/<int:fill_id>/stop", sources.stop_fill, name="back-fill-stop"),
    path(
        "back-fills/<int:fill_id>/resume", sources.resume_fill, name="back-fill-resume"
    ),
]
jaeger_urls = [
    path("api/services", jaeger_v1.services, name="v1-services"),
    path(
        "api/services/<path:service>/operations",
        jaeger_v1.service_operations,
        name="v1-service-operations",
    ),
    path("api/operations", jaeger_v1.operations, name="v1-operations"),
    path("api/traces", jaeger_v1.traces, name="v1-traces"),
    path("api/traces/<str:trace_id>", jaeger_v1.trace, name="v1-trace"),
    path("api/v3/services", jaeger_v3.services, name="v3-services"),
    path("api/v3/operations", jaeger_v3.operations, name="v3-operations"),
    path("api/v3/traces", jaeger_v3.traces, name="v3-traces"),
    path("api/v3/traces/<str:trace_id>", jaeger_v3.trace, name="v3-trace"),
    path(
        "api/v3/trace-summaries", jaeger_v3.trace_summaries, name="v3-trace-summaries"
    ),
]
machine_urls = [
    path("v1/traces", otlp.receive, name="otlp"),
    path(
        "v1/traces/", otlp.receive, name="otlp-slash"
    ),  # as some senders are configured
    path("api/v2/spans", zipkin.receive, name="zipkin"),
    path("api/v2/spans/", zipkin.receive, name="zipkin-slash"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
urlpatterns = (
    search_urls
    + trace_urls
    + graph_urls
    + share_urls
    + doctor_urls
    + lab_urls
    + account_urls
    + source_urls
    + jaeger_urls
    + machine_urls
)
