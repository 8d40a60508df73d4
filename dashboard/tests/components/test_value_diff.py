from dashboard.components.value_diff import DiffLine, list_diff_lines, write_value


def test_a_difference_has_what_went_what_came_and_what_stayed():
    lines = list(list_diff_lines("name: adder\nreplicas: 1\n", "name: adder\nreplicas: 2\nx: y"))

    assert lines == [
        DiffLine(" ", "name: adder"),
        DiffLine("-", "replicas: 1"),
        DiffLine("+", "replicas: 2"),
        DiffLine("+", "x: y"),
    ]


def test_values_are_read_as_people_write_them():
    assert write_value("a: b") == "a: b"
    assert write_value(None) == ""
    assert write_value({"ä": True}) == '{\n  "ä": true\n}'
