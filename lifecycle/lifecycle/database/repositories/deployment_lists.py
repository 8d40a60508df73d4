"""Lists of deployments: pages that the database finds and sorts, with the deployments that a caller may see only."""

from collections.abc import Sequence
from typing import Any

from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus
from racetrack_commons.entities.list_orders import DeploymentOrder
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, case, func, select
from sqlalchemy.orm import Session, defer

from lifecycle.database.repositories.deployments import read_deployment
from lifecycle.database.session import search_conditions
from lifecycle.database.sight import seen_deployments_condition
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_deployments import WantedDeployments
from lifecycle.domain.listed_jobs import Page

_AT_ONCE = 500
_SEARCHED = (
    DeploymentRow.job_name,
    DeploymentRow.job_version,
    DeploymentRow.status,
    DeploymentRow.deployed_by,
    DeploymentRow.infrastructure_target,
)
_RANKS = {DeploymentStatus.IN_PROGRESS: 0, DeploymentStatus.FAILED: 1, DeploymentStatus.DONE: 2}


class DeploymentListRepository:
    """The rows of `registry_deployment`, many at once."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_page(
        self, wanted: WantedDeployments, sight: Sight, page: Page, *, with_manifests: bool = True
    ) -> list[DeploymentDto]:
        """List the wanted deployments that the caller may see, in their order; no two pages have the same one."""
        query = self._sort(select(DeploymentRow.id), wanted)
        query = query.where(*self._make_conditions(wanted, sight))
        ids = list(self._session.scalars(query.offset(page.offset).limit(page.limit)))
        places = {each: place for place, each in enumerate(ids)}
        left_out = [DeploymentRow.build_logs, *([] if with_manifests else [DeploymentRow.manifest])]
        rows = self._session.scalars(
            select(DeploymentRow)
            .options(*(defer(column, raiseload=True) for column in left_out))
            .where(DeploymentRow.id.in_(ids))
        )
        read = [read_deployment(row, with_manifest=with_manifests) for row in rows]
        return sorted(read, key=lambda deployment: places[deployment.id])

    def count(self, wanted: WantedDeployments, sight: Sight) -> int:
        """Return how many of the wanted deployments the caller may see."""
        query = select(func.count()).select_from(DeploymentRow)
        return self._session.scalar(query.where(*self._make_conditions(wanted, sight))) or 0

    def list_seen(self, deployment_ids: Sequence[str], sight: Sight) -> set[str]:
        """Return those of these ids whose deployments the caller may see."""
        seen: set[str] = set()
        for start in range(0, len(deployment_ids), _AT_ONCE):
            ids = deployment_ids[start : start + _AT_ONCE]
            query = select(DeploymentRow.id).where(DeploymentRow.id.in_(ids))
            seen.update(self._session.scalars(query.where(seen_deployments_condition(sight))))
        return seen

    def _make_conditions(
        self, wanted: WantedDeployments, sight: Sight
    ) -> list[ColumnElement[bool]]:
        searched = search_conditions(self._session, _SEARCHED, wanted.words)
        return [seen_deployments_condition(sight), *searched, *_filter(wanted)]

    def _sort(self, query: Select[str], wanted: WantedDeployments) -> Select[str]:
        row = DeploymentRow
        name: SQLColumnExpression[str] = row.job_name
        if self._session.get_bind().dialect.name == "postgresql":
            name = name.collate("C")  # Its own order may leave dashes out.
        rank = case(_RANKS, value=row.status, else_=len(_RANKS))
        latest = (row.update_time, True)
        columns: dict[DeploymentOrder, list[tuple[SQLColumnExpression[Any], bool]]] = {
            DeploymentOrder.LATEST: [latest],
            DeploymentOrder.NAME: [(name, False), (row.job_version, False), latest],
            DeploymentOrder.STATUS: [(rank, False), latest],
        }
        # The id makes the order of equal deployments the same on all pages.
        order = [*columns[wanted.order], (row.id, False)]
        return query.order_by(
            *(
                column.desc() if is_descending != wanted.is_reversed else column.asc()
                for column, is_descending in order
            )
        )


def _filter(wanted: WantedDeployments) -> list[ColumnElement[bool]]:
    row = DeploymentRow
    exact = ((row.job_name, wanted.job_name), (row.job_version, wanted.job_version))
    conditions = [column == value for column, value in exact if value]
    choices = ((row.status, wanted.statuses), (row.deployed_by, wanted.deployers))
    conditions += [column.in_(values) for column, values in choices if values]
    return conditions
