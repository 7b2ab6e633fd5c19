"""Names of node, edge and graph attributes of a service graph.

Rows are rows of the ``Measures`` that the graph carries under the names below.
"""

from __future__ import annotations

# Of nodes
SERVICE = "service"
VERSION = "version"
NAMESPACE = "namespace"
OPERATION = "operation"
INSTANCE = "instance"
KIND = "kind"  # service, gateway, database, queue, external, untraced, group
VIRTUAL = "virtual"  # sent no spans itself
VERSIONS = "versions"  # [(version, row of VERSION_SUMS)]
GROUP = "group"
MEMBERS = "members"  # of a closed group: how many nodes it stands for
# Of edges
ASYNC = "asynchronous"
PAIRS = "pairs"  # [(caller's version, callee's version, row of PAIR_SUMS)]
INNER = "inner"  # of an edge of a closed group: how many edges it stands for
# Of both
ROW = "row"
# Of graphs
LEVEL = "level"
NODE_SUMS = "node_sums"
EDGE_SUMS = "edge_sums"
VERSION_SUMS = "version_sums"
PAIR_SUMS = "pair_sums"
NODE_OF_KEY = "node_of_key"  # row of NODE_SUMS for each key of the requests' table
EDGE_OF_KEY = "edge_of_key"  # row of EDGE_SUMS for each key of the edges' table
