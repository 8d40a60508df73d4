import pytest
from lifecycle.auth.passwords.strength import WeakPassword, check_password_strength


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("short", "8 characters"),
        ("x" * 2000, "1024"),
        ("1234567890", "digits only"),
        ("Password123", "tries first"),
        (" iloveyou ", "tries first"),
        ("P@ssw0rd2024", "tries first"),
        ("!!Sunshine1", "tries first"),
        ("aaaabbbb", "guess"),
        ("qwertyui", "guess"),
        ("hgfedcba", "guess"),
        ("my name is ANNA.K", "username"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, reason: str):
    with pytest.raises(WeakPassword, match=reason):
        check_password_strength(password, "anna.k@example.com")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "Tr0ub4dor&3", "password of my aunt", "ann and a dog"],
)
def test_good_passwords_are_accepted(password: str):
    check_password_strength(password, "ann@example.com")
