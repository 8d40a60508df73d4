"""Rules about jobs: which version an alias means, and what a job's status is."""
