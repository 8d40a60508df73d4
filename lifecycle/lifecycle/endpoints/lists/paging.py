"""Pages of lists: what a request asks for, and the answer with the total and a tag by which clients notice changes."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from pydantic import TypeAdapter
from racetrack_client.log.errors import ValidationError

from lifecycle.domain.listed_jobs import Page, make_search_text, split_words

_Item = TypeVar("_Item")
TOTAL_HEADER = "X-Total-Count"
_MOST_ITEMS = 1000
_ITEMS = 100
_MOST_OFFSET = 2**31 - 1
_LONGEST_SEARCH = 200

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


@dataclass(frozen=True)
class SearchedPage:
    """The part of a list that a request asks for."""

    page: Page
    words: tuple[str, ...]


def read_searched_page(
    limit: int | None = None, offset: int | None = None, search: str | None = None
) -> SearchedPage | None:
    """Return what a request asks for, or None if it asks for the whole list; raises ValidationError."""
    if limit is None and offset is None and search is None:
        return None
    return SearchedPage(read_page(limit, offset), read_words(search))


WantedPage = Annotated[SearchedPage | None, Depends(read_searched_page)]


def read_page(limit: int | None, offset: int | None) -> Page:
    """Return a page; raises ValidationError."""
    page = Page(_ITEMS if limit is None else limit, offset or 0)
    if not 1 <= page.limit <= _MOST_ITEMS:
        raise ValidationError(f"limit is {page.limit}; allowed are 1 to {_MOST_ITEMS}")
    if not 0 <= page.offset <= _MOST_OFFSET:
        raise ValidationError(f"offset is {page.offset}; allowed are 0 to {_MOST_OFFSET}")
    return page


def read_words(search: str | None) -> tuple[str, ...]:
    """Return the words of a search; raises ValidationError."""
    if search and len(search) > _LONGEST_SEARCH:
        raise ValidationError(
            f"search has {len(search)} characters; allowed are up to {_LONGEST_SEARCH}"
        )
    return split_words(search or "")


def read_choices(name: str, values: Sequence[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Return the values of a parameter; raises ValidationError, which names the allowed ones."""
    known = list(allowed)
    for value in values:
        if value not in known:
            raise ValidationError(f"{name} is {value!r}; allowed are {', '.join(known)}")
    return tuple(values)


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
