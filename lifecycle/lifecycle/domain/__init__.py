"""The values that Lifecycle works with: deployments, instances, secrets, subjects. They know neither SQL nor HTTP."""
