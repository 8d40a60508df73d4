from image_builder.source.resolved_packages import digest_installed, read_resolved


def test_what_a_package_holds_counts_not_the_way_it_came(tmp_path):
    info = tmp_path / "lib/python3.13/site-packages/lib-1.0.dist-info"
    info.mkdir(parents=True)

    def digest(record):
        (info / "RECORD").write_text(record)
        return digest_installed(tmp_path)

    first = digest("lib.py,sha256=a,10\nlib-1.0.dist-info/direct_url.json,sha256=b,20\n")
    same = digest("lib-1.0.dist-info/direct_url.json,sha256=c,20\nlib.py,sha256=a,10\n")

    assert first == same != digest("lib.py,sha256=d,10\n")


def test_names_are_those_by_which_requirements_find_them(tmp_path):
    packages = tmp_path / "lib/python3.13/site-packages"
    for info in ("zope.interface-5.4.0", "Ruamel_yaml-0.18.6"):
        (packages / f"{info}.dist-info").mkdir(parents=True)

    assert read_resolved(tmp_path) == {"ruamel-yaml": "0.18.6", "zope-interface": "5.4.0"}
