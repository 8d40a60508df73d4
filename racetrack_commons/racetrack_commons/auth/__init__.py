"""Tokens and their headers, and unsafe paths of endpoints."""
