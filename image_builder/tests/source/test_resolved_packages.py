from image_builder.process.resolved_packages import read_resolved


def test_names_are_those_by_which_requirements_find_them(tmp_path):
    packages = tmp_path / "lib/python3.13/site-packages"
    for info in ("zope.interface-5.4.0", "Ruamel_yaml-0.18.6"):
        (packages / f"{info}.dist-info").mkdir(parents=True)

    assert read_resolved(tmp_path) == {"ruamel-yaml": "0.18.6", "zope-interface": "5.4.0"}
