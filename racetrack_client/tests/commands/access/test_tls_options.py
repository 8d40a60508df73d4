import datetime
import ipaddress
import json
import shlex
import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that no machine knows, with its certificate in a file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the test")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self.certificate = (
            self._begin(self._name, self._key, DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.path = directory / "the authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def make_server_context(self, address: str = "127.0.0.1", valid_for: datetime.timedelta = DAY):
        """Return the context of a server with a certificate for the address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._begin(name, key, valid_for)
            .add_extension(addresses, critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self.directory / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _begin(self, subject, key, valid_for: datetime.timedelta) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + valid_for)
        )


@pytest.fixture
def authority(tmp_path) -> Authority:
    directory = tmp_path / "certificates"
    directory.mkdir()
    return Authority(directory)


@pytest.fixture
def serve_tls(lifecycle, serve_http, authority, answer):
    """Let the fake Lifecycle answer over TLS; return its URL."""

    def serve(**certificate) -> str:
        lifecycle.start(serve_http(lifecycle.answer, authority.make_server_context(**certificate)))
        lifecycle.on("GET job", answer([]))
        lifecycle.on("GET users/validate_user_auth", answer({"username": "anna"}))
        lifecycle.on("POST /pub/job/adder/latest/api/v1/perform", answer(42))
        return lifecycle.url

    return serve


def test_an_unknown_authority_is_refused_by_name_of_the_options(racetrack, lifecycle, serve_tls):
    url = serve_tls()

    done = racetrack("login", "the-token", "--remote", url)

    assert done.returncode == 70
    assert "its authority is not known on this machine" in done.stderr
    assert "--ca-file FILE" in done.stderr
    assert "--insecure (-k)" in done.stderr
    assert "Traceback" not in done.stderr
    assert lifecycle.received == []


@pytest.mark.parametrize("word", ["--insecure", "-k"])
def test_one_command_leaves_the_check_out_and_the_next_does_not(logged_in, serve_tls, word):
    logged_in.variables["RACETRACK_REMOTE"] = serve_tls()

    assert logged_in("list", word).returncode == 0
    assert "--ca-file" in logged_in("list").stderr


def test_an_authority_is_trusted_for_one_command(logged_in, authority, serve_tls):
    logged_in.variables["RACETRACK_REMOTE"] = serve_tls()

    done = logged_in("call", "adder", "{numbers: [40, 2]}", "--ca-file", str(authority.path))

    assert (done.stdout, done.returncode) == ("42\n", 0), done.stderr
    assert logged_in("call", "adder").returncode == 70


def test_log_in_keeps_the_authority_for_all_commands(racetrack, authority, serve_tls):
    url = serve_tls()
    relative = f"../certificates/{authority.path.name}"

    assert racetrack("set", "remote", url).returncode == 0
    done = racetrack("login", "the-token", "--ca-file", relative)

    assert done.returncode == 0, done.stderr
    assert racetrack("list").returncode == 0
    assert racetrack("call", "adder").stdout == "42\n"
    kept = yaml.safe_load(racetrack.config_path.read_text())["tls"]
    assert list(kept) == [url]
    assert Path(kept[url]["ca_file"]).samefile(authority.path)
    assert racetrack("list", "--remote", url + "/").returncode == 0


def test_what_is_kept_for_one_remote_does_not_count_for_another(
    racetrack, authority, serve_tls, serve_http, answer
):
    other = serve_http(lambda _: answer({}), authority.make_server_context())
    racetrack("login", "the-token", "--remote", serve_tls(), "--insecure")

    done = racetrack("set", "remote", other, "--check")

    assert done.returncode == 70
    assert "its authority is not known" in done.stderr


def test_an_insecure_remote_is_told_of_until_it_is_secure_again(racetrack, serve_tls):
    url = serve_tls()

    kept = racetrack("set", "remote", url, "--insecure")
    racetrack("login", "the-token")
    assert racetrack("list").returncode == 0
    again = racetrack("set", "remote", url, "--secure")

    assert f"`racetrack set remote {url} --secure` checks it again" in kept.stderr
    assert "is not checked" not in again.stderr
    assert "its authority is not known" in racetrack("list").stderr
    assert "tls" not in yaml.safe_load(racetrack.config_path.read_text())


def test_an_alias_keeps_the_authority_and_forgets_it(racetrack, authority, serve_tls):
    url = serve_tls()
    racetrack("set", "alias", "cluster", url, "--ca-file", str(authority.path))

    assert racetrack("login", "the-token", "--remote", "cluster").returncode == 0
    racetrack("set", "alias", "cluster", url, "--ca-file", "")
    assert racetrack("list", "--remote", "cluster").returncode == 70


def test_variables_come_before_what_is_kept_and_options_before_them(
    racetrack, authority, serve_tls
):
    racetrack.variables |= {"RACETRACK_REMOTE": serve_tls(), "RACETRACK_AUTH_TOKEN": "the-token"}

    assert racetrack("list", RACETRACK_CA_FILE=str(authority.path)).returncode == 0
    assert racetrack("list", RACETRACK_INSECURE_TLS="true").returncode == 0
    assert racetrack("list", "--secure", RACETRACK_INSECURE_TLS="true").returncode == 70
    racetrack("login", "the-token", "--insecure")
    assert racetrack("list").returncode == 0
    assert racetrack("list", RACETRACK_INSECURE_TLS="false").returncode == 70


def test_naming_an_authority_means_that_certificates_are_checked(
    racetrack, tmp_path, authority, serve_tls
):
    racetrack("login", "the-token", "--remote", serve_tls(), "--insecure")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")

    assert racetrack("list", "--remote", serve_tls(), "--ca-file", str(other.path)).returncode == 70


@pytest.mark.parametrize(
    ("certificate", "advice"),
    [
        ({"address": "127.0.0.2"}, "use a name in the URL that it is for"),
        ({"valid_for": -DAY}, "the server needs a new one"),
    ],
)
def test_a_wrong_name_and_an_old_certificate_are_told_apart(
    racetrack, authority, serve_tls, certificate, advice
):
    url = serve_tls(**certificate)

    done = racetrack("login", "the-token", "--remote", url, "--ca-file", str(authority.path))

    assert done.returncode == 70
    assert advice in done.stderr


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_file_without_a_certificate_is_named(racetrack, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)

    done = racetrack("set", "remote", "https://host", "--ca-file", str(path))

    assert done.returncode == 70
    assert str(path) in done.stderr
    assert not racetrack.config_path.exists()


def test_a_server_without_tls_is_asked_about(racetrack, lifecycle):
    url = lifecycle.url.replace("http:", "https:")

    assert "does the server speak HTTPS" in racetrack("login", "x", "--remote", url).stderr


def test_followed_logs_trust_the_same_authority(logged_in, lifecycle, answer, authority, serve_tls):
    logged_in.variables["RACETRACK_REMOTE"] = serve_tls()
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    for tail in (20, 0):
        lifecycle.on(
            f"GET job/adder/0.0.2/logs/follow?tail={tail}",
            answer(b'data: "hello"\n\n', 200, "text/event-stream"),
            answer({"error": "it is over", "type": "EntityNotFound"}, 404),
        )

    done = logged_in("logs", "adder", "--follow", "--ca-file", str(authority.path))

    assert done.stdout.startswith("hello\n"), done.stderr
    assert "--ca-file" in logged_in("logs", "adder", "--follow").stderr


def test_the_curl_command_trusts_the_same(logged_in, authority, serve_tls):
    logged_in.variables["RACETRACK_REMOTE"] = serve_tls()

    trusting = logged_in("call", "adder", "--curl", "--ca-file", str(authority.path)).stdout
    insecure = logged_in("call", "adder", "--curl", "--insecure").stdout

    words = shlex.split(trusting.replace("\\\n", ""))
    assert words[words.index("--cacert") + 1] == str(authority.path)
    assert "--insecure" in shlex.split(insecure.replace("\\\n", ""))


def test_completion_asks_a_server_with_the_same_authority(
    logged_in, lifecycle, answer, authority, serve_tls
):
    logged_in.variables["RACETRACK_REMOTE"] = serve_tls()
    lifecycle.on("GET job", answer([{"name": "adder", "version": "0.0.2"}]))
    logged_in("login", "the-token", "--ca-file", str(authority.path))

    done = logged_in(
        _RACETRACK_COMPLETE="complete_bash", COMP_WORDS="racetrack logs ad", COMP_CWORD="2"
    )

    assert done.stdout.split() == ["adder"]
    assert json.dumps(done.stderr) == '""'
