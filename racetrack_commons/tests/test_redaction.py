import pytest
from racetrack_commons.redaction import SecretRedactor


def test_secrets_are_hidden_also_line_by_line_and_quoted_for_urls():
    redactor = SecretRedactor(["p@ss/word", "first line\nsecond line"])

    assert redactor.redact("https://u:p%40ss%2Fword@host p@ss/word") == "https://u:***@host ***"
    assert redactor.redact("it said: second line!") == "it said: ***!"


def test_a_secret_that_begins_another_leaves_no_rest():
    assert SecretRedactor(["tulip", "tulip-9431"]).redact("tulip-9431") == "***"


@pytest.mark.parametrize(
    ("secret", "shown"), [("k7", "key k7"), ("k7!", "key ***"), ("", "key k7")]
)
def test_secrets_are_hidden_from_three_characters_on(secret, shown):
    assert SecretRedactor([secret]).redact(f"key {secret or 'k7'}") == shown
