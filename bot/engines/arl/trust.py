"""Trusted certificates of ARL: those of a file, one fingerprint, or what the system trusts.

ARL's own script creates a certificate for `CN=127.0.0.1` without the names that are checked today. So a file
has two effects:

- Certificates signed by one of the file are trusted if they are issued for the host of the address.
- The certificates in the file themselves are trusted for any host.
"""

import asyncio
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import aiohttp
from aiohttp import ClientConnectorCertificateError, ServerFingerprintMismatch

from bot.errors import ConfigError

TlsCheck = ssl.SSLContext | aiohttp.Fingerprint | bool

CERTIFICATE_ERRORS = (ServerFingerprintMismatch, ClientConnectorCertificateError)
HOST_MISMATCH_CODES = {62, 64}  # of OpenSSL: not issued for this name, this address

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class PinnedCertificates(aiohttp.Fingerprint):
    """Accepts a server that presents one of several certificates."""

    def __init__(self, certificates: Iterable[bytes]) -> None:
        self._digests = {sha256(each).digest() for each in certificates}
        super().__init__(next(iter(self._digests)))

    def check(self, transport: asyncio.Transport) -> None:
        """Raise `ServerFingerprintMismatch` for any other certificate."""
        presented = transport.get_extra_info("ssl_object")
        if presented is None:
            return
        digest = sha256(presented.getpeercert(binary_form=True)).digest()
        if digest not in self._digests:
            host, port, *_ = transport.get_extra_info("peername")
            raise ServerFingerprintMismatch(self.fingerprint, digest, host, port)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The checks that are tried in turn, and the setting they come from, or "" for the system's trust."""

    checks: tuple[TlsCheck, ...] = (True,)
    setting: str = ""

    def prefer(self, check: TlsCheck) -> "Trust":
        """Return the same with a check that has passed in the first place."""
        if check is self.checks[0]:
            return self
        return replace(self, checks=(check, *(each for each in self.checks if each is not check)))

    def error_message(self, error: Exception | None) -> str:
        """Describe what is wrong with the certificate, and name the setting."""
        if not self.setting:
            return (
                "the system does not trust the certificate that ARL presents: pin it by engine.fingerprint"
                " or engine.ca_file, see docs/arl.md"
            )
        if self.setting == "engine.ca_file" and _is_for_another_host(error):
            return (
                "the certificate that ARL presents is not issued for the host of engine.url, and is not"
                " itself in engine.ca_file"
            )
        return f"ARL presents another certificate than that of {self.setting}"


def _is_for_another_host(error: Exception | None) -> bool:
    if not isinstance(error, ClientConnectorCertificateError):
        return False
    return getattr(error.certificate_error, "verify_code", 0) in HOST_MISMATCH_CODES


def trust_fingerprint(digits: str) -> Trust:
    """Trust the one certificate with this SHA-256, in hex digits."""
    return Trust(checks=(aiohttp.Fingerprint(bytes.fromhex(digits)),), setting="engine.fingerprint")


def trust_file(path: str) -> Trust:
    """Trust the certificates of a file and those they have signed. Raises `ConfigError`."""
    try:
        context = ssl.create_default_context(cafile=path)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13: refuses authorities of one's own
        found = _PEM.findall(Path(path).read_text(encoding="ascii", errors="replace"))
        certificates = [ssl.PEM_cert_to_DER_cert(each) for each in found]
    except (ssl.SSLError, OSError, ValueError):
        raise ConfigError(f"engine.ca_file: {path} holds no certificates in PEM") from None
    itself = (PinnedCertificates(certificates),) if certificates else ()
    return Trust(checks=(context, *itself), setting="engine.ca_file")
