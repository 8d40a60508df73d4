"""Tokens: what they say of their bearer, and how they are signed."""
