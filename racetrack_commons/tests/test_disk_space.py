import pytest
from racetrack_client.log.errors import DiskFull
from racetrack_commons.disk_space import DiskSpace


def test_disks_with_room_are_no_shortage(tmp_path):
    space = DiskSpace([tmp_path / "not/there/yet"], min_free_bytes=1)

    assert space.find_shortage() is None
    space.check_room(1000)


@pytest.mark.parametrize(("min_free_bytes", "needed_bytes"), [(2**60, 0), (1, 2**60)])
def test_a_shortage_says_where_and_what_to_do(tmp_path, min_free_bytes, needed_bytes):
    with pytest.raises(DiskFull, match=rf"{tmp_path}.*MIN_FREE_DISK_BYTES.*free some space"):
        DiskSpace([tmp_path], min_free_bytes).check_room(needed_bytes)
