"""The base of every service: app factory, errors, metrics, server."""
