"""The errors by which jobs choose a status, and the logs of jobs."""
