"""Amounts of CPU and memory in the notation of Kubernetes: `500m`, `1.5Gi`, `256M`.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import re
from decimal import Decimal
from functools import total_ordering
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([EPTGMkmunp]|[EPTGMK]i|)")
_MULTIPLIERS = {
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
    **{suffix: Decimal(1000) ** -power for power, suffix in enumerate("munp", start=1)},
}


@total_ordering
class Quantity:
    """A number with a suffix; it prints as written and compares by value."""

    def __init__(self, text: str | int | float | Decimal) -> None:
        self.text = str(text).strip()
        match = _PATTERN.fullmatch(self.text)
        if match is None:
            raise ValueError(
                f"{self.text!r} is not a quantity: write a number with an optional suffix, "
                "such as 500m, 2, 256M or 1.5Gi"
            )
        self.number = Decimal(match[1])
        self.suffix = match[2]

    @property
    def plain_number(self) -> Decimal:
        """The value without a suffix: bytes, or cores."""
        return self.number * _MULTIPLIERS[self.suffix]

    def __truediv__(self, divisor: float) -> "Quantity":
        return Quantity(f"{(self.number / Decimal(str(divisor))).normalize():f}{self.suffix}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.plain_number == other.plain_number

    def __lt__(self, other: "Quantity") -> bool:
        return self.plain_number < other.plain_number

    def __hash__(self) -> int:
        return hash(self.plain_number)

    def __bool__(self) -> bool:
        return self.number != 0

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Quantity({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._from_input,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_PATTERN.pattern}$"}

    @classmethod
    def _from_input(cls, value: object) -> "Quantity":
        if isinstance(value, Quantity):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            # pydantic collects ValueErrors only.
            raise ValueError("must be a quantity such as 500m or 256M")
        return cls(value)
