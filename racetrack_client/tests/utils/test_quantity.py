from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError
from racetrack_client.utils.quantity import Quantity


class Need(BaseModel):
    memory: Quantity | None = None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("1.5Gi", str(1536 * 1024**2)),
        ("256M", "256000000"),
        ("3k", "3000"),
    ],
)
def test_the_value_counts_the_suffix(text: str, number: str):
    assert Quantity(text).plain_number == Decimal(number)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1 G", "1GiB", "lots", "1."])
def test_what_is_no_quantity_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a quantity"):
        Quantity(text)


def test_quantities_compare_by_value_and_print_as_written():
    assert Quantity("1000m") == Quantity("1")
    assert Quantity("1G") < Quantity("1Gi")
    assert len({Quantity("1000m"), Quantity("1")}) == 1
    assert str(Quantity("0.50")) == "0.50"
    assert not Quantity("0")


def test_a_part_of_a_quantity_keeps_the_suffix():
    assert str(Quantity("2Gi") / 4) == "0.5Gi"
    assert str(Quantity("1000M") / 4) == "250M"


def test_models_take_numbers_and_give_back_the_text():
    assert Need(memory=2).model_dump(mode="json") == {"memory": "2"}
    assert Need.model_validate({"memory": "1.5Gi"}).model_dump_json() == '{"memory":"1.5Gi"}'
    for wrong in (True, [], "x"):
        with pytest.raises(ValidationError):
            Need(memory=wrong)
