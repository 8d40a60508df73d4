from pathlib import Path

from racetrack_client.commands.app import COMMANDS
from racetrack_client.commands.reference import renew

DOCUMENT = Path(__file__).parents[3] / "docs/cli.md"


def test_the_documentation_of_the_command_line_is_up_to_date():
    text = DOCUMENT.read_text()

    assert renew(text) == text, "run: python -m racetrack_client.commands.reference docs/cli.md"


def test_each_command_is_documented():
    text = DOCUMENT.read_text()

    assert [name for name in COMMANDS if f"\n## racetrack {name}" not in text] == []
