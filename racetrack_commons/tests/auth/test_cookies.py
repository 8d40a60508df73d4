import pytest
from racetrack_commons.auth.cookies import is_same_origin


@pytest.mark.parametrize(
    ("site", "origin", "is_own"),
    [
        (None, None, True),
        (None, "https://here:7205", True),
        (None, "https://here", False),
        (None, "null", False),
        ("same-origin", "https://elsewhere", True),
        ("none", None, True),
        ("same-site", "https://here:7205", False),
        ("cross-site", None, False),
    ],
)
def test_a_request_is_of_an_own_page_when_the_browser_says_so(site, origin, is_own):
    assert is_same_origin(site, origin, ["here:7205", None, ""]) is is_own
