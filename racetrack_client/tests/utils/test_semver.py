import pytest
from racetrack_client.utils.semver import (
    SemanticVersion,
    SemanticVersionPattern,
    find_latest,
    is_version_pattern,
    matches_version_pattern,
)


def test_versions_are_ordered_by_number_and_a_label_comes_first():
    texts = ["1.10.0", "1.2.0", "1.2.0-beta", "1.2.0-alpha.9", "1.2.0-alpha.10", "0.9.9"]

    ordered = [str(version) for version in sorted(map(SemanticVersion, texts))]

    assert ordered == ["0.9.9", "1.2.0-alpha.10", "1.2.0-alpha.9", "1.2.0-beta", "1.2.0", "1.10.0"]


def test_equal_versions_are_one_in_a_set():
    assert (
        len({SemanticVersion("1.0.0"), SemanticVersion("1.0.0"), SemanticVersion("1.0.0-a")}) == 2
    )


@pytest.mark.parametrize("text", ["", "1", "1.2", "v1.2.3", "a.b.c"])
def test_what_is_no_version_is_refused_or_not_found(text: str):
    assert SemanticVersion.find(text) is None
    with pytest.raises(ValueError, match="must look like"):
        SemanticVersion.parse(text)


@pytest.mark.parametrize(
    ("pattern", "version", "fits"),
    [
        ("x", "10.0.0", True),
        ("1.x", "1.2.3", True),
        ("1.x", "10.0.0", False),
        ("1.2.x", "1.2.0", True),
        ("1.2.x", "1.20.0", False),
        ("x.0", "10.0.0", False),
        ("1.x.3", "1.7.3", True),
        ("1.x", "1.2.3-beta", False),
        ("1.x.x.x", "1.2.3", False),
    ],
)
def test_a_pattern_of_jobs_matches_segment_by_segment(pattern: str, version: str, fits: bool):
    assert matches_version_pattern(pattern, SemanticVersion(version)) == fits


@pytest.mark.parametrize(
    ("pattern", "version", "fits"),
    [
        ("*", "1.2.3-rc", True),
        ("1.2.*", "1.2.3", True),
        ("1.2.*", "1x2.3.4", False),
        ("1.2.3-*-bullseye", "1.2.3-slim-bullseye", True),
        ("1.*-dev", "1.2.3-dev", True),
        ("2.*", "1.2.3", False),
    ],
)
def test_a_pattern_of_job_types_has_asterisks(pattern: str, version: str, fits: bool):
    found = SemanticVersionPattern.from_asterisk_pattern(pattern)

    if SemanticVersion.find(version):
        assert found.matches(SemanticVersion(version)) == fits


def test_what_is_no_pattern_is_refused():
    assert not is_version_pattern("1.2.3")
    assert not is_version_pattern("2.*")
    assert not SemanticVersionPattern.is_asterisk_pattern("1.x")
    with pytest.raises(ValueError, match=r"1\.x"):
        SemanticVersionPattern.from_x_pattern("latest")
    with pytest.raises(ValueError, match=r"1\.\*"):
        SemanticVersionPattern.from_asterisk_pattern("latest")


def test_the_latest_is_the_highest_that_can_be_read():
    versions = ["1.0.0", "2.0.0-rc1", "1.10.0", "broken"]

    assert find_latest(versions, str) == "1.10.0"
    assert find_latest(versions, str, only_stable=False) == "2.0.0-rc1"
    pattern = SemanticVersionPattern.from_x_pattern("1.0.x")
    assert find_latest(versions, str, pattern=pattern) == "1.0.0"
    assert find_latest(["broken"], str) is None
