"""The dashboard as a client of the platform: requests with a visitor's session, the stream of changes, and the proxy."""
