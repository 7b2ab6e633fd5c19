"""Service graphs: from traces to edges, from edges to pictures."""
