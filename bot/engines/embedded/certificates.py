"""Converts a certificate to a document of ARL's collection `cert`."""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from bot.foreign_text import printable

log = logging.getLogger(__name__)

UNREADABLE = "unreadable"
MAX_NAMES = 200
MAX_NAME_LENGTH = 1_000

PARSE_ERRORS = (  # raised by cryptography for certificates that TLS libraries accept
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def parse_certificate(der: bytes) -> dict[str, Any]:
    """Read subject, issuer, serial, validity and fingerprints of a certificate in DER form.

    A field that cannot be read is empty. If nothing can be read, the subject is `unreadable`.
    """
    try:
        fields = _fields(x509.load_der_x509_certificate(der))
    except PARSE_ERRORS as error:
        log.info("a certificate is unreadable: %s", type(error).__name__)
        fields = _EMPTY | {"subject_dn": UNREADABLE}
    fingerprint = {
        "sha256": hashlib.sha256(der).hexdigest(),
        "sha1": hashlib.sha1(der, usedforsecurity=False).hexdigest(),  # as ARL shows it
    }
    return fields | {"fingerprint": fingerprint}


_EMPTY: dict[str, Any] = {
    "subject_dn": "",
    "issuer_dn": "",
    "serial_number": "",
    "signature_algorithm": "",
    "version": "",
    "validity": {"start": "", "end": ""},
    "names": [],
}


def _fields(found: x509.Certificate) -> dict[str, Any]:
    return {
        "subject_dn": _text(found, lambda c: c.subject.rfc4514_string()),
        "issuer_dn": _text(found, lambda c: c.issuer.rfc4514_string()),
        "serial_number": _text(found, lambda c: str(c.serial_number)),
        "signature_algorithm": _text(found, lambda c: getattr(c.signature_hash_algorithm, "name", "")),
        "version": _text(found, lambda c: c.version.name),
        "validity": {
            "start": _text(found, lambda c: c.not_valid_before_utc.isoformat()),
            "end": _text(found, lambda c: c.not_valid_after_utc.isoformat()),
        },
        "names": _names(found),
    }


def _text(found: x509.Certificate, read: Callable[[x509.Certificate], str]) -> str:
    """Read one field. cryptography parses most of them lazily."""
    try:
        return printable(read(found))[:MAX_NAME_LENGTH]
    except PARSE_ERRORS:
        return ""


def _names(found: x509.Certificate) -> list[str]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [printable(name) for name in names.value.get_values_for_type(x509.DNSName)[:MAX_NAMES]]
    except (x509.ExtensionNotFound, *PARSE_ERRORS):
        return []
