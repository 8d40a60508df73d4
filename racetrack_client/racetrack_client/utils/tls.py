"""The certificates of servers: which are trusted, and why one is not."""

import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import ValidationError

_NAME_MISMATCHES = (62, 64)
"""OpenSSL's codes of certificates for other host names, and for other IP addresses."""
_EXPIRED = 10


@dataclass(frozen=True)
class TlsTrust:
    """The certificates of a server that are trusted; None leaves the decision to another source of settings."""

    insecure: bool | None = None
    """True: any certificate."""
    ca_file: str | None = None
    """File with authorities that are trusted beside those of this machine; empty: none."""

    def over(self, other: "TlsTrust") -> "TlsTrust":
        """Return this, completed by what the other says about the rest."""
        return TlsTrust(
            other.insecure if self.insecure is None else self.insecure,
            other.ca_file if self.ca_file is None else self.ca_file,
        )

    def make_context(self) -> ssl.SSLContext:
        """Return the context of connections; raises ValidationError when the file can't be used."""
        context = ssl.create_default_context()
        if self.ca_file:
            _load_authorities(context, self.ca_file)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


_NOTHING_ASKED = TlsTrust()
ASKED_TRUST = ContextVar("ASKED_TRUST", default=_NOTHING_ASKED)
"""The trust that the options of this command ask for."""


def get_asked_trust() -> TlsTrust:
    """Return the trust that the options of this command ask for, with the whole path of the file."""
    asked = ASKED_TRUST.get()
    return choose_trust(asked.insecure, asked.ca_file)


def choose_trust(insecure: bool | None, ca_file: str | None) -> TlsTrust:
    """Return what the user asked for; naming authorities means that certificates are checked."""
    if ca_file and insecure is None:
        insecure = False
    return TlsTrust(insecure, str(Path(ca_file).expanduser().absolute()) if ca_file else ca_file)


def describe_refused_certificate(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, and what its server's operator or this machine's owner may do."""
    text = error.verify_message
    if error.verify_code in _NAME_MISMATCHES:
        return f"the certificate is for another name ({text.rstrip('.')}): use a name in the URL that it is for"
    if error.verify_code == _EXPIRED:
        return f"the certificate can't be trusted ({text}): the server needs a new one"
    return f"the certificate can't be trusted ({text}): its authority is not known on this machine"


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ValidationError(
            f"{path} holds no certificate of an authority: it has to be a text with -----BEGIN CERTIFICATE-----"
        ) from error
    except OSError as error:
        raise ValidationError(
            f"the certificates of authorities in {path} can't be read: {error.strerror}; "
            "name another file by --ca-file, or none by --ca-file ''"
        ) from error
