"""The errors that a job may raise to choose the status of its answer. Jobs import this module: its names are frozen."""


class EntityNotFound(Exception):
    """A requested thing does not exist; the answer has status 404."""


class AlreadyExists(Exception):
    """A thing to create exists already; the answer has status 409."""


class ValidationError(Exception):
    """The arguments of the call are wrong; the answer has status 400."""
