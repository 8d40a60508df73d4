import logging

from racetrack_commons.plugin.call import safe_call


def test_known_arguments_are_passed_on():
    assert safe_call(lambda a, *, b: (a, b), 1, b=2) == (1, 2)
    assert safe_call(lambda *args, **kwargs: (args, kwargs), 1, 2, c=3) == ((1, 2), {"c": 3})


def test_unknown_arguments_are_left_out_with_a_warning(caplog):
    def deploy(manifest, tag="latest"):
        return manifest, tag

    with caplog.at_level(logging.WARNING):
        assert safe_call(deploy, manifest="m", tag="t", runtime_secret_vars={}) == ("m", "t")
        assert safe_call(deploy, "m", "t", "image") == ("m", "t")

    assert "runtime_secret_vars" in caplog.text
    assert "#3" in caplog.text
