import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.datamodel import (
    convert_to_json,
    convert_to_yaml,
    load_yaml_map,
    parse_dict_datamodel,
    parse_yaml_file_datamodel,
)
from racetrack_client.utils.quantity import Quantity


class Box(BaseModel):
    size: Quantity | None = None
    label: str | None = None


def test_models_and_maps_become_json_without_nulls():
    text = convert_to_json({"boxes": [Box(size=Quantity("1Gi"))], "none": None})

    assert json.loads(text) == {"boxes": [{"size": "1Gi"}]}


def test_yaml_has_sorted_keys():
    assert convert_to_yaml(Box(size=Quantity("5"), label="a")) == "label: a\nsize: '5'\n"


def test_maps_and_files_become_models(tmp_path: Path):
    assert parse_dict_datamodel({"label": "x"}, Box).label == "x"
    (tmp_path / "empty.yaml").write_text("")
    assert parse_yaml_file_datamodel(tmp_path / "empty.yaml", Box) == Box()


def test_the_file_is_named_in_the_error(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("size: lots\n")

    with pytest.raises(ContextError, match=r"bad\.yaml.*\n?.*"):
        parse_yaml_file_datamodel(tmp_path / "bad.yaml", Box)


def test_a_document_that_is_no_map_is_refused():
    with pytest.raises(ValidationError, match="is a list"):
        load_yaml_map("- a")
    with pytest.raises(ValidationError, match="line 1"):
        load_yaml_map("a: [")
