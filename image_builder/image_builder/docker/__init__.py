"""EngineImages of jobs that run as containers, made on a Docker engine through its command line client."""
