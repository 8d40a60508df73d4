"""Keep the digests of tokens instead of their texts; those that are shown again are encrypted."""

import hashlib
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE = "registry_authtoken"
_END_LENGTH = 6
_BATCH = 1000


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column(_TABLE, sa.Column("token_end", sa.String(length=6), nullable=True))
    connection, tokens = op.get_bind(), _describe_table()
    if connection.dialect.name == "sqlite":
        # Else the file keeps the old texts in the space that it thinks is free.
        op.execute("PRAGMA secure_delete = ON")
    newest = ""
    while rows := _read_batch(connection, tokens, after=newest):
        seal = _require_seal()
        changed = [_hide_text(row.id, row.token, seal) for row in rows]
        update = sa.update(tokens).where(tokens.c.id == sa.bindparam("row_id"))
        connection.execute(update, changed)
        newest = rows[-1].id


def downgrade() -> None:
    # Older code compares texts, which the digests don't tell: everybody logs in again.
    op.execute(sa.delete(_describe_table()))
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_column("token_end")
        batch.drop_column("sealed")


def _read_batch(
    connection: sa.Connection, tokens: sa.TableClause, after: str
) -> list[sa.Row[tuple[str, str]]]:
    query = sa.select(tokens.c.id, tokens.c.token).where(tokens.c.id > after)
    return list(connection.execute(query.order_by(tokens.c.id).limit(_BATCH)))


def _require_seal() -> Callable[[bytes], bytes]:
    config = op.get_context().config
    seal: Callable[[bytes], bytes] | None = config.attributes.get("seal") if config else None
    if seal is None:
        raise RuntimeError(
            "stored tokens can't be encrypted without SECRET_KEY: run `lifecycle migrate`"
        )
    return seal


def _hide_text(token_id: str, text: str, seal: Callable[[bytes], bytes]) -> dict[str, object]:
    return {
        "row_id": token_id,
        "token": hashlib.sha256(text.encode()).hexdigest(),
        "sealed": seal(text.encode()),
        "token_end": text[-_END_LENGTH:],
    }


def _describe_table() -> sa.TableClause:
    columns = (
        sa.column("id", sa.String()),
        sa.column("token", sa.String()),
        sa.column("sealed", sa.LargeBinary()),
        sa.column("token_end", sa.String()),
    )
    return sa.table(_TABLE, *columns)
