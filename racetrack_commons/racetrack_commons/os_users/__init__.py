"""Programs of strangers as users of their own: jobs, and what builds run."""
