"""Amounts of memory, as people read them."""

_MEBI = 1024**2
_GIBI = 1024**3


def format_memory(amount_bytes: int) -> str:
    """Return an amount with one decimal: `312.0 MiB`, `1.2 GiB`."""
    if amount_bytes < _GIBI:
        return f"{amount_bytes / _MEBI:.1f} MiB"
    return f"{amount_bytes / _GIBI:.1f} GiB"
