"""The rules, one a file; each takes the mesh and gives findings."""
