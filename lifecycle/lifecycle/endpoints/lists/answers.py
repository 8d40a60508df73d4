"""Answers of lists: a page with the total, and a tag by which clients notice changes."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import TypeAdapter

from lifecycle.domain.listed_jobs import make_search_text
from lifecycle.endpoints.lists.queries import SearchedPage

_Item = TypeVar("_Item")
TOTAL_HEADER = "X-Total-Count"

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {
                "description": "Changes with the list; send it back as `If-None-Match`.",
                "schema": {"type": "string"},
            },
            TOTAL_HEADER: {
                "description": "The number of items on all pages, if a page was asked for.",
                "schema": {"type": "integer"},
            },
        }
    },
    304: {"description": "The list is still the one that `If-None-Match` names"},
}
"""The answers of lists, for the OpenAPI document."""


def cut_page(
    items: Sequence[_Item], wanted: SearchedPage | None, texts_of: Callable[[_Item], Iterable[str]]
) -> tuple[Sequence[_Item], int | None]:
    """Return the items of the page, among whose texts each word is, and how many there are on all pages."""
    if wanted is None:
        return items, None
    found = [item for item in items if _has_words(make_search_text(*texts_of(item)), wanted.words)]
    page = wanted.page
    return found[page.offset : page.offset + page.limit], len(found)


def answer_models(
    request: Request, adapter: TypeAdapter[Any], items: Any, total: int | None
) -> Response:
    """Answer with a list of models."""
    body = adapter.dump_json(items)
    return answer_list(request, [body], lambda: body, total)


def answer_list(
    request: Request, identity: Iterable[bytes], write: Callable[[], bytes], total: int | None
) -> Response:
    """Answer with a list as JSON, or with 304 if the client has it: `identity` differs where the list does."""
    digest = hashlib.blake2b(f"{total};".encode(), digest_size=16)
    for part in identity:
        digest.update(part)
    headers = {"ETag": f'"{digest.hexdigest()}"', "Cache-Control": "private, no-cache"}
    if total is not None:
        headers[TOTAL_HEADER] = str(total)
    if _is_known(request.headers.get("If-None-Match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(write(), headers=headers, media_type="application/json")


def _has_words(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _is_known(known_tags: str, tag: str) -> bool:
    tags = {known.strip().removeprefix("W/") for known in known_tags.split(",")}
    return bool(tags & {tag, "*"})
