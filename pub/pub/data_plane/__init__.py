"""The way of job calls through the gateway, on the level of protocols: bytes come in, bytes go out, nothing waits in between.

docs/gateway.md has the picture.
"""
