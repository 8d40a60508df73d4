"""The base of every service's API: app factory, errors, probes, metrics, OpenAPI, server."""
