"""What plugins reach through functions whose names are frozen; nothing else may use it.

Plugins call functions such as `get_job_family_jwt_token(name)` with no hint of which database they
mean, so the process has to remember one.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from lifecycle.database.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class PluginContext:
    """The database and the key of this process."""

    unit_of_work: UnitOfWorkFactory
    auth_key: SecretStr


class _Holder:
    context: PluginContext | None = None


def set_context(context: PluginContext | None) -> None:
    """Remember what plugins work on; the composition root calls it."""
    _Holder.context = context


def get_context() -> PluginContext:
    """Return what plugins work on."""
    if _Holder.context is None:
        raise RuntimeError("plugins can ask Lifecycle only inside a running Lifecycle process")
    return _Holder.context
