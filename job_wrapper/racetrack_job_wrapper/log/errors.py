"""Errors that a job may raise to answer with a certain status."""


class EntityNotFound(Exception):
    """Answered with 404."""


class AlreadyExists(Exception):
    """Answered with 409."""


class ValidationError(Exception):
    """Answered with 400."""
