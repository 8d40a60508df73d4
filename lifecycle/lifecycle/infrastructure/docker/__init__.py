"""The target `docker`: a job runs as containers of a Docker engine, which their labels identify."""
