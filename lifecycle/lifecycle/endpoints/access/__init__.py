"""Routes about access: users, ESCs, tokens, permissions, and PUB's questions about calls."""
