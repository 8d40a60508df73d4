import base64
import gzip
import io
import tarfile

import pytest
from image_builder.source.archive import UnsafeArchive, extract_bundle
from image_builder.source.source_tree import SourceLimits
from image_builder.testing.builders import pack, pack_entries
from racetrack_client.log.errors import ValidationError

LIMITS = SourceLimits(max_files=100, max_bytes=1_000_000)


def entry(name, kind=tarfile.REGTYPE, target="", content=b"", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, len(content), mode
    return info, content


@pytest.fixture
def extract(tmp_path):
    def run(*entries, limits=LIMITS):
        directory = tmp_path / "out" / "archive"
        extract_bundle(pack_entries(entries), directory, limits)
        return directory

    return run


def test_files_directories_and_executable_bits_are_kept(extract):
    directory = extract(
        entry("pkg", tarfile.DIRTYPE),
        entry("pkg/mod.py", content=b"x"),
        entry("run.sh", content=b"y", mode=0o4777),
    )

    assert (directory / "pkg/mod.py").read_bytes() == b"x"
    assert (directory / "run.sh").stat().st_mode & 0o7777 == 0o755


def test_links_that_stay_inside_are_kept(extract):
    directory = extract(
        entry("a/data.txt", content=b"d"),
        entry("a/soft", tarfile.SYMTYPE, "data.txt"),
        entry("hard", tarfile.LNKTYPE, "a/data.txt"),
    )

    assert (directory / "a/soft").read_bytes() == (directory / "hard").read_bytes() == b"d"


@pytest.mark.parametrize(
    "entries",
    [
        [entry("/etc/evil", content=b"x")],
        [entry("../evil", content=b"x")],
        [entry("a/../../evil", content=b"x")],
        [entry("link", tarfile.SYMTYPE, "/etc/passwd")],
        [entry("link", tarfile.SYMTYPE, "../outside")],
        [entry("a/link", tarfile.SYMTYPE, "../../outside")],
        [entry("hard", tarfile.LNKTYPE, "../outside")],
        [entry("hard", tarfile.LNKTYPE, "missing")],
        [entry("fifo", tarfile.FIFOTYPE)],
        [entry("device", tarfile.CHRTYPE)],
        [
            entry("d", tarfile.DIRTYPE),
            entry("d/up", tarfile.SYMTYPE, "."),
            entry("d/up/up", tarfile.SYMTYPE, "../.."),
        ],
        [entry("a", tarfile.SYMTYPE, "b/../x"), entry("b", tarfile.SYMTYPE, ".")],
        [entry("d", tarfile.SYMTYPE, "."), entry("d/evil", content=b"x")],
        [entry("a/b", content=b"x"), entry("a", content=b"x")],
        [entry("a", content=b"x"), entry("a/b", content=b"x")],
        [entry("loop", tarfile.SYMTYPE, "loop")],
    ],
    ids=lambda entries: entries[-1][0].name,
)
def test_what_leads_outside_or_is_no_file_is_refused(extract, entries, tmp_path):
    with pytest.raises(UnsafeArchive):
        extract(*entries)
    assert [path for path in (tmp_path / "out").rglob("*") if path.name == "evil"] == []


def test_a_file_over_a_link_replaces_the_link_not_its_target(extract):
    directory = extract(
        entry("target", content=b"old"),
        entry("link", tarfile.SYMTYPE, "target"),
        entry("link", content=b"new"),
    )

    assert (directory / "target").read_bytes() == b"old"


def test_ten_thousand_files_are_refused_over_the_limit_and_taken_below_it(extract, tmp_path):
    entries = [entry(f"f{number}") for number in range(10_000)]

    with pytest.raises(UnsafeArchive, match="more than 9999 files"):
        extract(*entries, limits=SourceLimits(9_999, 1_000))
    extract(*entries, limits=SourceLimits(10_000, 1_000))


def test_a_bomb_is_refused_while_it_unpacks(extract, tmp_path):
    bomb = b"\0" * 50_000_000
    with pytest.raises(UnsafeArchive, match="more than 1000000 bytes"):
        extract(entry("bomb", content=bomb))
    assert list((tmp_path / "out").rglob("bomb")) == []


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 400_000_000
    content = gzip.compress(header.tobuf() + b"0" * 400_000_000, compresslevel=1)

    with pytest.raises(UnsafeArchive):
        extract_bundle(base64.b64encode(content).decode(), tmp_path / "out", LIMITS)


@pytest.mark.parametrize(
    "bundle",
    [
        "no base64!",
        base64.b64encode(b"no gzip").decode(),
        base64.b64encode(gzip.compress(b"no tar" * 200)).decode(),
        base64.b64encode(base64.b64decode(pack({"a": "x" * 5000}))[:-40]).decode(),
    ],
    ids=["base64", "gzip", "tar", "cut"],
)
def test_broken_archives_are_refused(bundle, tmp_path):
    with pytest.raises(ValidationError):
        extract_bundle(bundle, tmp_path / "out", LIMITS)


def test_a_file_that_ends_early_is_refused(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info, content = entry("a", content=b"x" * 5000)
        tar.addfile(info, io.BytesIO(content))
    cut = gzip.compress(buffer.getvalue()[:2000])

    with pytest.raises(ValidationError):
        extract_bundle(base64.b64encode(cut).decode(), tmp_path / "out", LIMITS)
