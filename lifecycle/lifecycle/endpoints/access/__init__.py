"""Routes of who may do what: users, ESCs, tokens, permissions, and the questions of PUB."""
