"""The check of a password's strength."""

import string
from collections.abc import Iterator

from racetrack_client.log.errors import ValidationError

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1024
_FEWEST_DISTINCT = 4
_SHORTEST_NAME = 4
_MOST_DECORATION = 4
"""The most characters around a common password that don't make it a strong one, as in `Password2024`."""
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
)
_LOOK_ALIKES = str.maketrans("0134578@$!", "oieastbasi")


class WeakPassword(ValidationError):
    """The password is too easy to guess."""


def check_password_strength(password: str, username: str = "") -> None:
    """Refuse passwords that are easy to guess."""
    if not password:
        raise WeakPassword("the password is empty")
    if len(password) < MIN_PASSWORD_LENGTH:
        raise WeakPassword(f"the password needs {MIN_PASSWORD_LENGTH} characters at least")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise WeakPassword(f"the password may have {MAX_PASSWORD_LENGTH} characters at most")
    if password.isdigit():
        raise WeakPassword("the password must not consist of digits only")
    text = password.strip().casefold()
    if len(set(text)) < _FEWEST_DISTINCT or _is_along_a_row(text):
        raise WeakPassword("the password is one that everybody can guess: mix other characters")
    if any(core in COMMON_PASSWORDS for core in _list_cores(text)):
        raise WeakPassword("the password is one of those that everybody tries first")
    if _contains_name(text, username):
        raise WeakPassword("the password must not contain the username")


def _is_along_a_row(text: str) -> bool:
    return any(text in row or text[::-1] in row for row in _ROWS)


def _list_cores(text: str) -> Iterator[str]:
    """Yield the password, and its core without the digits and punctuation that people add to common ones."""
    core = text.strip(string.digits + string.punctuation)
    for candidate in (text, core) if len(text) - len(core) <= _MOST_DECORATION else (text,):
        yield candidate
        yield candidate.translate(_LOOK_ALIKES)


def _contains_name(text: str, username: str) -> bool:
    name = username.partition("@")[0].casefold()
    return len(name) >= _SHORTEST_NAME and name in text


_TEXT = """
123456789a 12345678a 1234567a 12345abc 1234abcd 1234qwer 123abc123 123qweasd 1q2w3e4r 1q2w3e4r5t
1qaz2wsx 1qaz2wsx3edc a1234567 a12345678 a1a1a1a1 a1b2c3d4 aa123456 aaa11111 aaaaaaa1 aaaaaaaa
abc12345 abc123abc abcabc123 abcd1234 abcdefg1 abcdefgh access123 access14 admin123 admin1234
admin12345 adminadmin administrator alexander alexandra angel123 angels123 arsenal1 arsenal123
asd123asd asdf1234 asdfasdf asdfghjk asdfghjkl asdfqwer asshole1 autumn2024 autumn2025 autumn2026
banana123 barcelona baseball baseball1 basketball batman123 benjamin bitch123 blessed1 blueberry
butterfly butterfly1 changeit changeme changeme1 changeme123 charlie1 charlie123 cheese123
chelsea1 chocolate chocolate1 christian christine christopher computer computer1 corvette counter1
creative daniel123 danielle darkness deathnote december december1 default1 default123 dragon12
dragon123 elizabeth eminem123 facebook facebook1 faithful february ferrari1 football football1
forever1 fortnite freedom1 friday13 friends1 friendship fuckyou1 fuckyou123 gabriela gangster
google123 greatness guest123 hacker123 happiness hardcore heaven123 hello123 hello1234 hellohello
ilovegod iloveyou iloveyou1 iloveyou2 internet internet1 isabella january1 jennifer jessica1
jesus123 jesuschrist jonathan juventus killer123 letmein! letmein1 letmein123 linkinpark liverpool
liverpool1 login123 lovelove manchester master12 master123 maverick mercedes metallica michael1
michelle microsoft midnight minecraft minecraft1 monday123 monkey12 monkey123 moonlight mustang1
mypass123 mypassword newpassword nicholas nintendo nirvana1 november november1 october1 p@ssw0rd
p@ssword pa$$word passw0rd password password! password1 password12 password123 password1234
passwort passwort1 patricia pineapple playstation pokemon1 pokemon123 porsche1 precious president
princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qqww1122 qwe123qwe qweasdzxc qwerasdf qwerty12
qwerty123 qwerty1234 qwertyui qwertyuiop qwertz123 qwertzui qwertzuiop racetrack racetrack1
racetrack123 realmadrid richard1 robert123 root1234 rootroot samantha samsung1 samsung123 secret12
secret123 secret1234 september september1 shadow12 shadow123 slipknot spiderman spring2024
spring2025 spring2026 startrek starwars strawberry summer12 summer123 summer2024 summer2025
summer2026 sunshine sunshine1 superman superman1 sweetheart sweetie1 temp1234 test1234 test12345
testing1 testing123 testtest trustno1 trustno1! unknown1 user1234 veronica victoria warcraft
welcome! welcome1 welcome12 welcome123 whatever whatever1 winter12 winter123 winter2024 winter2025
winter2026 xxxxxxxx yuantuo2012 zaq12wsx zaq1xsw2 zaq1zaq1 zxcvasdf zxcvbnm1 zxcvbnm123 zzzzzzzz
"""
COMMON_PASSWORDS = frozenset(_TEXT.split())
"""Passwords that attackers try first: lower case, none shorter than allowed."""
