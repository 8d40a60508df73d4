"""Images of jobs that run as processes: a directory with the source, beside an environment that uv creates."""
