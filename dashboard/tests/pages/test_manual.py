from pathlib import PurePosixPath

import pytest
from dashboard.pages.platform.manual import (
    SOURCE_DOCS,
    Heading,
    Manual,
    list_headings,
    rewrite_links,
)

PAGES = {"jobs", "access", "decisions~auth"}


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("[a](jobs.md)", "[a](/dashboard/docs/jobs)"),
        ("[a](access.md#own-words)", "[a](/dashboard/docs/access#own-words)"),
        ("[a](decisions/auth.md)", "[a](/dashboard/docs/decisions~auth)"),
        ("![a](images/x.png)", "![a](/dashboard/docs-images/x.png)"),
        ("[a](../README.md)", "a"),
        ("[a](javascript:alert)", "a"),
        ("![a](https://host/x.png)", "a"),
        ("[a](https://host/)", "[a](https://host/)"),
        ("[a](#here)", "[a](#here)"),
    ],
)
def test_links_lead_to_pages_of_the_dashboard(link, wanted):
    assert rewrite_links(link, PurePosixPath(), PAGES) == wanted


def test_links_of_a_nested_page_are_relative_to_it():
    place = PurePosixPath("decisions")

    assert rewrite_links("[a](../jobs.md)", place, PAGES) == "[a](/dashboard/docs/jobs)"


def test_code_stays_as_it_is():
    text = "```\n[a](jobs.md)\n```"

    assert rewrite_links(text, PurePosixPath(), PAGES) == text


def test_headings_have_anchors():
    text = "# Sharing\n```\n# no heading\n```\n## What `job.yaml` says, in short"

    assert list_headings(text) == [
        Heading(1, "Sharing", "sharing"),
        Heading(2, "What job.yaml says, in short", "what-jobyaml-says-in-short"),
    ]


def test_only_pages_of_the_folder_can_be_read(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Page")
    (tmp_path / "secret.md").write_text("secret")
    manual = Manual(tmp_path / "docs")

    assert manual.list_pages() == {"page": "Page"}
    assert manual.find_text("page") == "# Page"
    for name in ("../secret", "..~secret", "/etc/passwd", "page.md", "docs/../page"):
        assert manual.find_text(name) is None


def test_the_source_has_pages():
    assert {"access", "jobs"} <= set(Manual(SOURCE_DOCS).list_pages())
