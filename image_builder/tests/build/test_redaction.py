from image_builder.build.redaction import Redactor


def test_secrets_are_hidden_also_line_by_line_and_quoted_for_urls():
    redactor = Redactor(["p@ss/word", "first line\nsecond line"])

    assert redactor.redact("https://u:p%40ss%2Fword@host p@ss/word") == "https://u:***@host ***"
    assert redactor.redact("it said: second line!") == "it said: ***!"


def test_a_secret_that_begins_another_leaves_no_rest():
    assert Redactor(["tulip", "tulip-9431"]).redact("tulip-9431") == "***"


def test_short_values_stay_for_hiding_them_would_hide_half_the_log():
    assert Redactor(["1", ""]).redact("1 of 10") == "1 of 10"
