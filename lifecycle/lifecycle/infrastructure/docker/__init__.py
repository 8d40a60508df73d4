"""The target `docker`: a job runs as containers of a Docker engine; Racetrack recognises them by their labels."""
