"""Errors of the database in the words of callers."""

from collections.abc import Iterator
from contextlib import contextmanager

from racetrack_client.log.errors import AlreadyExists, ServiceUnavailable, ValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer."""


class UnfitValue(ValidationError):
    """A value is too long for its column, or of another kind."""


class ConflictingRow(AlreadyExists):
    """What was to be stored contradicts what is stored."""


@contextmanager
def translate_error() -> Iterator[None]:
    """Turn the errors of SQLAlchemy that a caller can understand into such."""
    try:
        yield
    except IntegrityError as e:
        raise ConflictingRow(f"this contradicts what is stored: {_first_line(e)}") from e
    except DataError as e:
        raise UnfitValue(f"a value can't be stored: {_first_line(e)}") from e
    except (OperationalError, InterfaceError) as e:
        raise DatabaseUnavailable(
            f"the database can't do this now, try again later: {_first_line(e)}"
        ) from e
    except PoolTimeoutError as e:
        raise DatabaseUnavailable(
            "all connections to the database are busy, try again later"
        ) from e


def _first_line(error: DBAPIError) -> str:
    # Only the driver's first line: the rest may quote values of the statement.
    return str(error.orig).strip().split("\n", maxsplit=1)[0]
