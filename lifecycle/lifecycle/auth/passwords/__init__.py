"""Passwords: their strength and their hashes."""
