"""Requests of callers: each is checked and stored in rows; the workers carry it out."""
