"""Whom we take for ARL: the certificates of a file, one fingerprint, or what the system trusts.

ARL's own script makes a certificate for `CN=127.0.0.1` that names no host in the way that is checked today.
So a file counts twice: for whatever its certificates have signed, made out for the host of the address, and
for each certificate in it as it is, whatever host it names.
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
HOST_MISMATCH_CODES = {62, 64}  # OpenSSL's codes: not made out for this name, for this address

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class PinnedCertificates(aiohttp.Fingerprint):
    """Takes a server that shows one of several certificates."""

    def __init__(self, certificates: Iterable[bytes]) -> None:
        self._digests = {sha256(each).digest() for each in certificates}
        super().__init__(next(iter(self._digests)))

    def check(self, transport: asyncio.Transport) -> None:
        """Raise `ServerFingerprintMismatch` for any other certificate."""
        shown = transport.get_extra_info("ssl_object")
        if shown is None:
            return
        digest = sha256(shown.getpeercert(binary_form=True)).digest()
        if digest not in self._digests:
            host, port, *_ = transport.get_extra_info("peername")
            raise ServerFingerprintMismatch(self.fingerprint, digest, host, port)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The ways to know ARL, tried in turn, and the setting that says so; "" is what the system trusts."""

    checks: tuple[TlsCheck, ...] = (True,)
    setting: str = ""

    def prefer(self, check: TlsCheck) -> "Trust":
        """The same, with the check first that ARL has just passed."""
        if check is self.checks[0]:
            return self
        return replace(self, checks=(check, *(each for each in self.checks if each is not check)))

    def error_message(self, error: Exception | None) -> str:
        """What is wrong with the certificate, and which setting to look at."""
        if not self.setting:
            return (
                "the system does not trust the certificate that ARL shows: pin it by engine.fingerprint"
                " or engine.ca_file, see docs/arl.md"
            )
        if self.setting == "engine.ca_file" and _is_for_another_host(error):
            return (
                "the certificate that ARL shows is not made out for the host of engine.url, and is not"
                " itself in engine.ca_file"
            )
        return f"ARL shows another certificate than that of {self.setting}"


def _is_for_another_host(error: Exception | None) -> bool:
    if not isinstance(error, ClientConnectorCertificateError):
        return False
    return getattr(error.certificate_error, "verify_code", 0) in HOST_MISMATCH_CODES


def trust_fingerprint(digits: str) -> Trust:
    """The one certificate with this SHA-256, in hex digits."""
    return Trust(checks=(aiohttp.Fingerprint(bytes.fromhex(digits)),), setting="engine.fingerprint")


def trust_file(path: str) -> Trust:
    """What the certificates of a file have signed, and they themselves. Raises `ConfigError`."""
    try:
        context = ssl.create_default_context(cafile=path)
        found = _PEM.findall(Path(path).read_text(encoding="ascii", errors="replace"))
        certificates = [ssl.PEM_cert_to_DER_cert(each) for each in found]
    except (ssl.SSLError, OSError, ValueError):
        raise ConfigError(f"engine.ca_file: {path} holds no certificates in PEM") from None
    itself = (PinnedCertificates(certificates),) if certificates else ()
    return Trust(checks=(context, *itself), setting="engine.ca_file")
