"""The right that each address asks for; one that is not here asks for the most."""

from __future__ import annotations

from dashboard.access.person import Right

_NAMES: dict[Right, str] = {
    # Behind a share's own token, or nothing that tells of traces.
    Right.OPEN: """
        healthz readyz sign-in sign-out
        share-open share-payload share-span share-more share-value share-find
        share-download share-raw share-statistics share-rows share-graph share-logs
        share-csv share-events share-seen share-svg share-png share-panel
        share-notes share-thread share-comment share-comment-delete
    """,
    Right.READ: """
        v1-services v1-service-operations v1-operations v1-traces v1-trace
        v3-services v3-operations v3-traces v3-trace v3-trace-summaries
        api-dependencies trace-document trace-download trace-raw trace-csv
        trace-payload graph-data graph-dot graph-graphml graph-mermaid metrics services-data doctor-data
    """,
    Right.VIEW: """
        home search search-ask search-line search-words search-keep search-forget lookup account link-open
        trace trace-span span-more span-value trace-find trace-events
        trace-statistics trace-rows trace-graph trace-logs trace-notes
        compare trace-compare trace-alike trace-fastest services service
        graph graph-questions graph-band graph-diff graph-overlay graph-paths
        graph-span graph-edge graph-node dependencies deep-dependencies
        sources doctor lab lab-state
        stitched stitched-payload stitched-span stitched-more stitched-value
        stitched-find stitched-events stitched-statistics stitched-rows stitched-graph
        stitched-logs stitched-csv
    """,
    Right.SHARE: """
        upload doctor-judge shares share-create share-revoke share-extend share-delete
        share-renew share-preview share-import link-create
        share-graph-create share-graph-preview
        note-add note-edit note-delete
    """,
    Right.MANAGE: """
        lab-switch lab-send
        source-switch source-remove share-erase source-choice back-fill
        back-fill-stop back-fill-resume
    """,
    Right.INGEST: """
        otlp otlp-slash zipkin zipkin-slash
    """,
}
RIGHT_OF: dict[str, Right] = {
    name: right for right, names in _NAMES.items() for name in names.split()
}


def right_of(url_name: str | None) -> Right:
    """The right that an address asks for, by its name in ``urls.py``."""
    return RIGHT_OF.get(url_name or "", Right.MANAGE)
