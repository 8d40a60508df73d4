"""Images of jobs that run as containers, made on a Docker engine with its command line client."""
