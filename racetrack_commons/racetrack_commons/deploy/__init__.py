"""Names of what is deployed."""
