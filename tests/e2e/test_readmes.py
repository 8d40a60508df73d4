"""Every command block of README, docs and samples runs as its page shows it, and prints what the page says.

A reader types the blocks of a page from top to bottom into one terminal, so that is what happens here: one shell for each page,
in a directory that holds the samples. Blocks of code that begin with a comment such as `# my-job/job.yaml` are files, which the
reader writes. In `console` blocks the lines under a command are its output; `…` stands for anything in a line, or for any lines.
"""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacks.stack import BIN, ROOT, Stack

NOT_RUN_HERE = {
    ("README.md", "make compose-up"): "the compose shape has tests of its own: tests/e2e/compose",
    ("README.md", "make check"): "runs all tests",
    ("CONTRIBUTING.md", "make setup"): "runs all tests",
    ("docs/compose.md", "make setup compose-up"): "runs in tests/e2e/compose/test_quickstart.py",
    ("docs/kubernetes.md", "make kind-up"): "needs kind",
    ("docs/kubernetes.md", "make setup"): "needs a cluster and a registry",
    ("docs/kubernetes.md", ". venv/bin/activate"): "the same",
    (
        "docs/kubernetes.md",
        "kubectl create namespace racetrack",
    ): "needs an ingress controller, too",
}
"""The first line of each block that is not run, with the reason."""

SETUP = {
    "docs/cli.md": """
        racetrack deploy sample/python-class
        register anna@example.com
        add_esc shop
    """,
    "docs/jobs.md": "racetrack deploy sample/python-class",
    "docs/access.md": "racetrack deploy sample/python-class",
}
"""What a page takes for granted."""

ELSEWHERE = {
    ("docs/access.md", "racetrack set remote http://127.0.0.1:7202"): "ben",
    ("docs/access.md", "token=$(racetrack auth new-token --expires-in 30)"): "ben",
}
"""Blocks that another person types, on their own machine."""

TYPED = {"docs/access.md": "four-seasons-42\n" * 2, "docs/cli.md": "admin\n"}
"""What the reader of a page types when a command asks for a password."""

IN_CONTAINERS = ["sample/docker-python-flask/README.md"]
"""Pages that need a platform whose jobs are containers."""

PORTS = {
    "7201": "IMAGE_BUILDER_PORT",
    "7202": "LIFECYCLE_PORT",
    "7205": "PUB_PORT",
    "7206": "SUPERVISOR_PORT",
}
"""The ports that pages show, and the setting that says which ones they are here."""

PREAMBLE = f"""
set -eo pipefail
racetrack() {{
  # Another page, or an earlier run, may have deployed the same version.
  if [ "$1" = deploy ]; then set -- "$@" --force; fi
  command racetrack "$@"
}}
make() {{ command make --no-print-directory -C {shlex.quote(str(ROOT))} "$@"; }}
api() {{
  curl -fsS -X "$1" "$(racetrack get remote -q)/api/v1/$2" -d "$3" \
    -H 'Content-Type: application/json' -H "X-Racetrack-Auth: $(racetrack get auth-token)"
}}
register() {{
  api POST users/register "{{\\"username\\": \\"$1\\", \\"password\\": \\"four-seasons-42\\"}}" || true
  api PUT "users/$1" '{{"is_active": true}}'
}}
add_esc() {{ api POST escs "{{\\"name\\": \\"$1\\", \\"id\\": \\"$1\\"}}" || true; }}
"""


pytestmark = pytest.mark.timeout(300)  # pages install packages


@dataclass(frozen=True)
class Block:
    """A block of a page: commands to run, or a file to write."""

    page: str
    language: str
    text: str

    @property
    def place(self) -> tuple[str, str]:
        """The page and the first line, by which the tables above name a block."""
        return self.page, self.first_line

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0].removeprefix("$ ").partition("  #")[0].strip()

    @property
    def file(self) -> str | None:
        """The file that it is, from a comment at its beginning."""
        if self.language in ("shell", "console"):
            return None
        found = re.match(r"(?:#|<!--) ([\w./-]+\.\w+)(?: -->)?$", self.first_line)
        return found[1] if found else None

    def commands(self) -> list[tuple[str, str | None]]:
        """The commands, each with what it prints; None where the page does not say."""
        if self.language == "shell":
            return [(self.text, None)]
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        found = []
        for part in parts:
            command = re.match(r"(?:.*\\\n)*.*\n?", part)
            assert command
            found.append((command[0].strip(), part[command.end() :]))
        return found


def read_blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text()
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(page, language, content) for language, content in found]


def list_pages() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    pages = [path for path in listed.stdout.split() if (ROOT / path).is_file()]
    folders = ("docs/", "sample/")
    return [page for page in pages if "/" not in page or page.startswith(folders)]


def list_to_run(page: str) -> list[Block]:
    return [
        block
        for block in read_blocks(page)
        if block.file
        or (block.language in ("shell", "console") and block.place not in NOT_RUN_HERE)
    ]


def has_commands(page: str) -> bool:
    return any(block.file is None for block in list_to_run(page))


WITH_COMMANDS = [page for page in list_pages() if has_commands(page)]


@pytest.mark.parametrize("page", sorted({*WITH_COMMANDS} - {*IN_CONTAINERS}))
def test_the_blocks_of_a_page_run_as_it_shows(embedded_stack: Stack, page: str, tmp_path: Path):
    run_page(embedded_stack, page, tmp_path)


@pytest.mark.docker
@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if page.startswith("sample/")])
def test_the_blocks_of_a_sample_run_in_containers_too(
    compose_stack: Stack, page: str, tmp_path: Path
):
    run_page(compose_stack, page, tmp_path)


def test_each_block_that_is_not_run_is_there():
    present = {block.place for page in list_pages() for block in read_blocks(page)}
    assert {*NOT_RUN_HERE} - present == set()


def run_page(stack: Stack, page: str, directory: Path):
    prepare(stack, page, directory)
    script = [PREAMBLE, "export RACETRACK_CONFIG=$CONFIGS/reader.yaml", SETUP.get(page, "")]
    expected: list[tuple[str, str | None]] = []
    for block in list_to_run(page):
        person = ELSEWHERE.get(block.place, "reader")
        script.append(f"export RACETRACK_CONFIG=$CONFIGS/{person}.yaml")
        if block.file:
            script.append(write_file(directory, block))
        for command, output in block.commands() if block.file is None else ():
            number = len(expected)
            expected.append((command, output))
            allowed = "|| true" if output and output.startswith("error: ") else ""
            script.append(f"{{\n{use_ports(stack, command)}\n}} >$OUT/{number} 2>&1 {allowed}")
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=directory / "page",
        env=make_environment(stack, directory),
        input=TYPED.get(page, ""),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    printed = read_outputs(stack, directory / "out")
    for (command, output), actual in zip(expected, printed, strict=False):
        is_as_shown = output is None or matches(output, actual)
        assert is_as_shown, f"$ {command}\n{actual}\nbut {page} says:\n{output}"
    last = "\n".join([expected[len(printed) - 1][0], printed[-1]]) if printed else ""
    assert done.returncode == 0, f"{last}\n{done.stdout}{done.stderr}\n{stack.log_tails()}"


def prepare(stack: Stack, page: str, directory: Path):
    for name in ("page", "out", "files", "configs"):
        (directory / name).mkdir()
    shutil.copytree(ROOT / "sample", directory / "page/sample")
    for name in ("venv", "racetrack_client"):
        (directory / "page" / name).symlink_to(ROOT / name)
    shutil.copy(stack.environment["RACETRACK_CONFIG"], directory / "configs/reader.yaml")


def make_environment(stack: Stack, directory: Path) -> dict[str, str]:
    return stack.environment | {
        "PATH": f"{BIN}:{stack.environment['PATH']}",
        "CONFIGS": str(directory / "configs"),
        "OUT": str(directory / "out"),
    }


def write_file(directory: Path, block: Block) -> str:
    """Keep the content, and give the command that puts it where the reader would."""
    assert block.file
    number = len(list((directory / "files").iterdir()))
    kept = directory / "files" / str(number)
    kept.write_text(block.text)
    return f"install -D -m 644 {kept} {shlex.quote(block.file)}"


def read_outputs(stack: Stack, directory: Path) -> list[str]:
    """What each command printed that was reached."""
    files = sorted(directory.iterdir(), key=lambda file: int(file.name))
    return [show_ports(stack, file.read_text()) for file in files]


def matches(expected: str, printed: str) -> bool:
    lines = expected.rstrip().splitlines()
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else f"{as_pattern(line.rstrip())} *\n"
        for line in lines
    )
    return re.fullmatch(pattern, f"{printed.rstrip()}\n" if printed.strip() else "") is not None


def as_pattern(line: str) -> str:
    return ".*".join(re.escape(piece) for piece in line.split("…"))


def use_ports(stack: Stack, text: str) -> str:
    for shown, setting in PORTS.items():
        text = re.sub(rf"(?<=:){shown}\b", stack.environment[setting], text)
    return text


def show_ports(stack: Stack, text: str) -> str:
    for shown, setting in PORTS.items():
        text = re.sub(rf"(?<=:){stack.environment[setting]}\b", shown, text)
    return text
