"""Names of a job's images and resources."""
