"""The graph of callers and job families: which of its nodes are shown, and the same facts as rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.visit import make_path

ESC = "esc"
KINDS = {ESC: "External consumer", "job-family": "Job family"}


@dataclass(frozen=True)
class CallGraph:
    """Callers, job families, and the permissions to call between them, as Lifecycle describes them."""

    nodes: Mapping[str, dict[str, Any]]
    edges: list[tuple[str, str]]
    """Ids of callers, with the ids of those whom they may call."""

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "CallGraph":
        """Return the graph that Lifecycle answered."""
        nodes = {node["id"]: node for node in answer["nodes"]}
        edges = [(edge["from_id"], edge["to_id"]) for edge in answer["edges"]]
        return cls(nodes, [edge for edge in edges if nodes.keys() >= set(edge)])

    def focus(self, node_id: str) -> "CallGraph":
        """Return the part with a node, its callers, and those whom it may call; the whole graph for an unknown node."""
        if node_id not in self.nodes:
            return self
        edges = [edge for edge in self.edges if node_id in edge]
        return self._keep({node_id}.union(*edges), edges)

    def hide_isolated(self) -> "CallGraph":
        """Return the part whose nodes call another or are called."""
        return self._keep(set[str]().union(*self.edges), self.edges)

    def list_called_by(self, node_id: str) -> list[str]:
        """List the titles of the nodes that a node may call."""
        return sorted(self.nodes[to]["title"] for source, to in self.edges if source == node_id)

    def list_callers_of(self, node_id: str) -> list[str]:
        """List the titles of the nodes that may call a node."""
        return sorted(self.nodes[source]["title"] for source, to in self.edges if to == node_id)

    def to_chart(self) -> dict[str, Any]:
        """Return the nodes and edges as ECharts reads them."""
        kinds = list(KINDS)
        degrees = dict.fromkeys(self.nodes, 0)
        for node_id in (each for edge in self.edges for each in edge):
            degrees[node_id] += 1
        return {
            "data": [
                {
                    "id": node_id,
                    "name": node["title"],
                    "category": kinds.index(node["type"]),
                    "symbol": "rect" if node["type"] == ESC else "circle",
                    "symbolSize": 18 + min(4 * degrees[node_id], 30),
                }
                for node_id, node in self.nodes.items()
            ],
            "links": [{"source": source, "target": to} for source, to in self.edges],
        }

    def _keep(self, ids: set[str], edges: list[tuple[str, str]]) -> "CallGraph":
        return CallGraph({key: node for key, node in self.nodes.items() if key in ids}, edges)


@dataclass(frozen=True)
class FamilyJob:
    """A version of a job family, as the subtitle of its node names it."""

    name: str
    version: str
    url: str
    """The job's address at PUB, or an empty text if it is no address that pages may link to."""

    @property
    def page(self) -> str:
        """The path of its page."""
        return make_path("jobs", self.name, self.version)


def list_family_jobs(subtitle: str) -> list[FamilyJob]:
    """List the jobs that a subtitle names, one a line: name, version, address."""
    parts = [line.split(" ", 2) for line in subtitle.splitlines()[1:]]
    return [
        FamilyJob(words[0], words[1], words[2] if is_web_address(words[2]) else "")
        for words in parts
        if len(words) == 3
    ]


def is_web_address(text: str) -> bool:
    """Return whether a text is an address that a link may lead to: no script, and nothing hidden in it."""
    is_plain = text.isprintable() and not any(character.isspace() for character in text)
    return is_plain and text.startswith(("http://", "https://"))
