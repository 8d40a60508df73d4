"""Job types: which one builds a job, and what its templates may read."""
