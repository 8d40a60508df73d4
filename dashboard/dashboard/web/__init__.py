"""The answers of the dashboard beside its pages: log-in, log-out, the proxy to Lifecycle, and the rules for browsers."""
