"""Where traces come from; one folder a backend."""
