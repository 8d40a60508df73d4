from pub.data_plane.memory import HeadMemory


def test_a_head_is_kept_when_it_comes_again():
    memory = HeadMemory(10, 1000)
    memory.keep(b"a", 1)
    assert memory.find(b"a") is None
    memory.keep(b"a", 1)
    assert memory.find(b"a") == 1


def test_what_is_used_outlives_generations_and_the_rest_does_not():
    memory = HeadMemory(10, 1000)
    keep(memory, b"used", b"unused")
    for _ in range(3):
        memory.begin_generation()
        assert memory.find(b"used") is not None
    assert memory.find(b"unused") is None
    assert len(memory) == 1


def test_entries_are_bounded():
    memory = HeadMemory(10, 10_000)
    keep(memory, *(b"%d" % number for number in range(1000)))
    assert len(memory) <= 20


def test_bytes_are_bounded():
    memory = HeadMemory(1000, 100)
    keep(memory, *(b"%50d" % number for number in range(100)))
    assert len(memory) <= 4


def keep(memory, *heads):
    for head in heads:
        memory.keep(head, head)
        memory.keep(head, head)
