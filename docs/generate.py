"""Writes the tables of docs/manifest.md and docs/configuration.md from the models' docstrings: `make docs`."""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from dashboard.config import DashboardConfig
from image_builder.config import ImageBuilderConfig
from lifecycle.config import Config as LifecycleConfig
from lifecycle_supervisor.config import SupervisorConfig
from pub.config import PubConfig
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from racetrack_client.manifest.manifest import GitManifest, Manifest, ResourcesManifest
from racetrack_client.manifest.rules import DEPRECATED_KEYS
from racetrack_client.utils.quantity import Quantity
from racetrack_commons.deploy.image_places import ImagePlaces
from racetrack_commons.settings import Settings

DOCS = Path(__file__).parent
MARK = "<!-- The rest is written by `make docs`. -->\n"
SECTIONS: tuple[tuple[str, type[Settings], type[BaseModel]], ...] = (
    ("Every service", Settings, BaseModel),
    ("Lifecycle, the Supervisor and the Image Builder", ImagePlaces, Settings),
    ("Lifecycle, and the Supervisor with it", LifecycleConfig, ImagePlaces),
    ("Supervisor only", SupervisorConfig, LifecycleConfig),
    ("Image Builder", ImageBuilderConfig, ImagePlaces),
    ("PUB", PubConfig, Settings),
    ("Dashboard", DashboardConfig, Settings),
)
MODELS = (
    (Manifest, BaseModel),
    (GitManifest, BaseModel),
    (ResourcesManifest, BaseModel),
    *((model, inherited) for _, model, inherited in SECTIONS),
)
"""Each model that the pages show, and the class whose fields are shown elsewhere."""
WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
    Quantity: "quantity",
    IPv4Network: "network",
}


def main() -> None:
    """Write the pages that are not up to date, and print their names."""
    for path, renew in PAGES.items():
        text = path.read_text()
        if (renewed := renew(text)) != text:
            path.write_text(renewed)
            print(f"wrote {path.relative_to(DOCS.parent)}")


def renew_manifest(text: str) -> str:
    """Return the page of the manifest with its tables written again."""
    return _replace_rest(text, _describe_manifest())


def renew_configuration(text: str) -> str:
    """Return the page of the settings with its tables written again."""
    return _replace_rest(text, _describe_settings())


def list_own_fields(model: type[BaseModel], inherited: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields that a class adds to the inherited ones, or declares again with another default."""
    declared = read_field_docstrings(model)
    return {
        name: field
        for name, field in model.model_fields.items()
        if name not in inherited.model_fields or name in declared
    }


def read_field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return field → the text under it, for the fields that the class itself declares."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            texts[field.target.id] = _read_text(below)
    return texts


def _describe_manifest() -> Iterator[str]:
    current = {
        key: field for key, field in Manifest.model_fields.items() if key not in DEPRECATED_KEYS
    }
    yield "## All keys\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    yield from _describe_keys(Manifest, current, "")
    yield "\n## Deprecated keys\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    deprecated = {key: Manifest.model_fields[key] for key in DEPRECATED_KEYS}
    yield from _describe_keys(Manifest, deprecated, "")
    yield ""


def _describe_keys(
    model: type[BaseModel], fields: dict[str, FieldInfo], prefix: str
) -> Iterator[str]:
    texts = read_field_docstrings(model)
    for name, field in fields.items():
        cells = (
            f"`{prefix}{name}`",
            _name_type(field.annotation),
            _show_default(field),
            texts.get(name, ""),
        )
        yield _row(*cells)
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _describe_keys(inner, inner.model_fields, f"{prefix}{name}.")


def _describe_settings() -> Iterator[str]:
    for title, model, inherited in SECTIONS:
        yield f"## {title}\n"
        yield "| variable | value | default | meaning |\n|---|---|---|---|"
        texts = read_field_docstrings(model)
        for name, field in list_own_fields(model, inherited).items():
            yield _row(
                f"`{name.upper()}`",
                _name_type(field.annotation),
                _show_default(field),
                texts.get(name, ""),
            )
        yield ""


def _name_type(annotation: Any) -> str:
    if annotation in WORDS:
        return WORDS[annotation]
    arguments = [each for each in get_args(annotation) if each is not type(None)]
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (Union, types.UnionType):
        return _name_type(arguments[0])
    if origin in (list, tuple):
        return f"list of {_name_type(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{each}`" for each in annotation)
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "map"
    return str(getattr(annotation, "__name__", "text")).lower()


def _show_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None or field.default_factory is not None:
        return ""
    if isinstance(default, SecretStr):
        return "required" if field.annotation is SecretStr else ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(map(str, default))}`" if default else ""
    return f"`{default}`" if str(default) else "empty"


def _read_text(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return " ".join(value.split()) if isinstance(value, str) else ""
    return ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _replace_rest(text: str, lines: Iterator[str]) -> str:
    return text.partition(MARK)[0] + MARK + "\n" + "\n".join(lines)


PAGES: dict[Path, Callable[[str], str]] = {
    DOCS / "manifest.md": renew_manifest,
    DOCS / "configuration.md": renew_configuration,
}

if __name__ == "__main__":
    main()
