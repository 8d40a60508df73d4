import pytest
from image_builder.source.install_hints import describe_hint


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "hint: `demo` was found on http://a, but not at the requested version (use `--index-strategy unsafe-best-match`)",
            "`build_env: {UV_INDEX_STRATEGY: unsafe-best-match}` in job.yaml",
        ),
        (
            "hint: Pre-releases are available for `demo` (try: `--prerelease=allow`)",
            "`build_env: {UV_PRERELEASE: allow}` in job.yaml",
        ),
        ("src/x.c:1:10: fatal error: libpq-fe.h: No such file", "system_dependencies: [libpq-dev]"),
        ("Error: pg_config executable not found.", "system_dependencies: [libpq-dev]"),
        (
            "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
            "system_dependencies: [build-essential]",
        ),
        ("Git executable not found. Ensure that Git is installed", "system_dependencies: [git]"),
    ],
)
def test_the_line_to_add_is_named(line: str, says: str):
    assert says in describe_hint(["error: No solution found", line])


def test_a_module_that_a_build_lacks_is_named_with_both_ways():
    hint = describe_hint(
        [
            "error: Failed to build `demo @ file:///src/lib`",
            "  cause: The build backend returned an error",
            "ModuleNotFoundError: No module named 'numpy.distutils'",
        ]
    )

    assert "the build of demo imports numpy" in hint
    assert hint.startswith(
        "put a file uv.toml beside job.yaml with the line `extra-build-dependencies = { demo = "
    )


@pytest.mark.parametrize(
    "line",
    ["ModuleNotFoundError: No module named 'numpy'", "fatal error: mine.h: No such file", ""],
)
def test_what_nothing_is_known_about_gets_no_hint(line: str):
    assert describe_hint([line]) == ""
