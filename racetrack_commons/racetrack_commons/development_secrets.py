"""The secrets that everybody knows: development defaults, and what people type meanwhile."""

import hashlib

# Digests, so that the defaults themselves stand in one place only: the `.env` of local shapes.
_DEVELOPMENT_DIGESTS = {
    "4a410556dcd6267873306c4a298afc60764c41c0cab94e472d05541192bb6bf9",  # AUTH_KEY
    "ef260e9aa3c673af240d17a2660480361a8e081d1ffeca2a5ed0e3219fc18567",  # SECRET_KEY
    "a4f841c9ecf5786adc573d507c3ee3a9ee8607ff49ac9c56016cf6d6914dd026",  # ADMIN_TOKEN
    "b20da81d6667e43a948b0935d6d31acd65381cdd722e3a1933a2aae7aa79247e",  # PUB_AUTH_TOKEN
    "7e57b7d5a819f03ecddf5ae482ec8a31ca338b7084c893d8279fe63861f0b1a0",  # IMAGE_BUILDER_AUTH_TOKEN
    "1647bf43fb81b78fa1a0ae6783872037d4a98f804129dea10cca9f113fc083dd",  # POSTGRES_PASSWORD
}
_PLACEHOLDERS = {"admin", "changeme", "change-me", "password", "racetrack", "secret", "test"}


def is_development_secret(text: str) -> bool:
    """Tell whether a secret protects nothing, because everybody knows or guesses it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return digest in _DEVELOPMENT_DIGESTS or text.lower() in _PLACEHOLDERS
