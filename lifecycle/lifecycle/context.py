"""The database and the key behind the frozen functions that plugins call; nothing else may use them.

Plugins call functions such as `get_job_family_jwt_token(name)` without naming a database, so the
process has to remember one.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox


@dataclass(frozen=True)
class PluginContext:
    """The database and the keys of this process."""

    unit_of_work: UnitOfWorkFactory
    auth_key: SecretStr
    secret_box: SecretBox


class _Holder:
    context: PluginContext | None = None


def set_context(context: PluginContext | None) -> None:
    """Set the context of plugins, or clear it with None. Called when the process starts and stops."""
    _Holder.context = context


def get_context() -> PluginContext:
    """Return the context of plugins; raise RuntimeError outside a running Lifecycle process."""
    if _Holder.context is None:
        raise RuntimeError("plugins can ask Lifecycle only inside a running Lifecycle process")
    return _Holder.context
