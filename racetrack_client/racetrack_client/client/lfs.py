"""Pointers of Git LFS: small texts that stand for large files until `git lfs pull` fetches these."""

_HEAD = b"version https://git-lfs.github.com/spec/"
MAX_POINTER_BYTES = 1024


def is_lfs_pointer(content: bytes) -> bool:
    """Return whether a file with this content is a pointer; the first bytes are enough."""
    return content.startswith(_HEAD)
