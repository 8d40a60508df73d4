"""The pages: each link leads somewhere, and no command hides from the test that runs them."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("racetrack ", "make ", "curl ", "docker ", "cd ", "export ", "pip ", "git ")
RUN_AS_SHOWN = ("README.md", "CONTRIBUTING.md", "docs/", "sample/")
GENERATED = "<!-- The rest is written by"
"""What follows in a page is a reference, whose lines say how commands are called."""


def list_pages():
    arguments = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(path for path in listed.stdout.split() if (ROOT / path).is_file())


PAGES = list_pages()


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(RUN_AS_SHOWN)])
def test_commands_stand_in_blocks_that_are_run(page):
    text = (ROOT / page).read_text().partition(GENERATED)[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    untagged = [content for language, content in blocks if language in ("", "text", "bash", "sh")]
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(\S.*)$", outside, re.MULTILINE)
    lines = [line for content in untagged for line in content.splitlines()] + indented
    assert [line for line in lines if line.removeprefix("$ ").startswith(COMMANDS)] == []


def test_each_page_of_docs_is_linked_from_the_readme():
    links = set(re.findall(r"\]\((docs/[^)#]+)", (ROOT / "README.md").read_text()))
    pages = {page for page in PAGES if page.startswith("docs/") and page.count("/") == 1}
    assert pages - links == set()


def test_the_files_that_the_architecture_names_are_there():
    text = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`([\w./-]+/[\w./-]*|\w+\.py)`", text))
    arguments = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [f"/{path}" for path in listed.stdout.split()]
    is_file_or_folder = {name: any(f"/{name}" in path for path in files) for name in named}
    elsewhere = {name for name in named if name.startswith(("/", "build/"))}
    assert {
        name for name, is_there in is_file_or_folder.items() if not is_there
    } - elsewhere == set()


def leads_somewhere(page, link):
    name, _, anchor = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in list_anchors(target.resolve())


@cache
def list_anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}
