"""The target `process`: a job runs as processes of this machine, in a virtual environment, without Docker."""
