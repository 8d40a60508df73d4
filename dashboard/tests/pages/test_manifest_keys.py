from dashboard.pages.manifest_keys import list_keys
from racetrack_client.manifest.schema import make_manifest_schema

KEYS = {row["key"]: row for row in list_keys(make_manifest_schema())}


def test_each_key_of_a_manifest_is_listed_with_its_meaning():
    assert KEYS["name"]["kind"] == "text, required"
    assert KEYS["replicas"]["kind"] == "integer"
    assert KEYS["build_context"]["kind"] == "local or git"
    assert KEYS["build_context"]["values"] == ["local", "git"]
    assert KEYS["public_endpoints"]["kind"] == "list of texts"
    assert all(row["description"] for row in KEYS.values())


def test_the_keys_of_a_part_follow_it():
    names = list(KEYS)

    assert names[names.index("resources") + 1] == "resources.memory_min"
    assert KEYS["resources"]["kind"] == "mapping"
