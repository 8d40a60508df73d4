"""EngineImages of jobs that run as processes: a directory with source, beside an environment made by uv."""
