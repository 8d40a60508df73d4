import pytest
from dashboard.pages.survey.call_graph import (
    CallGraph,
    FamilyJob,
    is_web_address,
    list_family_jobs,
)

GRAPH = CallGraph.read(
    {
        "nodes": [
            {"id": "esc-shop", "type": "esc", "title": "shop", "subtitle": ""},
            {"id": "job-family-adder", "type": "job-family", "title": "adder", "subtitle": ""},
            {"id": "job-family-chain", "type": "job-family", "title": "chain", "subtitle": ""},
            {"id": "job-family-alone", "type": "job-family", "title": "alone", "subtitle": ""},
        ],
        "edges": [
            {"from_id": "esc-shop", "to_id": "job-family-chain"},
            {"from_id": "job-family-chain", "to_id": "job-family-adder"},
            {"from_id": "job-family-gone", "to_id": "job-family-adder"},
        ],
    }
)


def test_a_focus_shows_a_node_with_its_neighbours():
    focused = GRAPH.focus("job-family-adder")

    assert list(focused.nodes) == ["job-family-adder", "job-family-chain"]
    assert focused.edges == [("job-family-chain", "job-family-adder")]
    assert GRAPH.focus("unknown") == GRAPH


def test_isolated_nodes_can_be_hidden():
    assert "job-family-alone" not in GRAPH.hide_isolated().nodes
    assert len(GRAPH.hide_isolated().nodes) == 3
    assert CallGraph({}, []).hide_isolated().nodes == {}


def test_the_table_says_what_the_graph_shows():
    assert GRAPH.list_called_by("job-family-chain") == ["adder"]
    assert GRAPH.list_callers_of("job-family-chain") == ["shop"]
    assert len(GRAPH.to_chart()["links"]) == 2


def test_a_subtitle_names_jobs():
    subtitle = "Job family\nadder 0.0.1 http://pub/job/adder/0.0.1\nadder 0.0.2 javascript:alert(1)"

    assert list_family_jobs(subtitle) == [
        FamilyJob("adder", "0.0.1", "http://pub/job/adder/0.0.1"),
        FamilyJob("adder", "0.0.2", ""),
    ]


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "//host/x", "http://a b", "data:text/html,x", " http://a", ""]
)
def test_other_texts_are_no_web_addresses(text):
    assert not is_web_address(text)
