"""The values that Lifecycle works with: deployments, instances, secrets, subjects; no SQL and no HTTP in here."""
