"""A certificate as ARL keeps it in its collection `cert`."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes


def certificate(der: bytes) -> dict[str, Any]:
    """Subject, issuer, serial, validity and fingerprints of a certificate in DER form."""
    found = x509.load_der_x509_certificate(der)
    algorithm = found.signature_hash_algorithm
    return {
        "subject_dn": found.subject.rfc4514_string(),
        "issuer_dn": found.issuer.rfc4514_string(),
        "serial_number": str(found.serial_number),
        "signature_algorithm": algorithm.name if algorithm else "",
        "version": found.version.name,
        "validity": {
            "start": found.not_valid_before_utc.isoformat(),
            "end": found.not_valid_after_utc.isoformat(),
        },
        "names": _names(found),
        "fingerprint": {
            "sha256": found.fingerprint(hashes.SHA256()).hex(),
            "sha1": found.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - as ARL shows it
        },
    }


def _names(found: x509.Certificate) -> list[str]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)
