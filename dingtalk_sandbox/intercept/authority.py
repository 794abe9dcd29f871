"""A certificate authority that is made on the spot. Its key stays in memory."""

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate

CERTIFICATE_NAME = "ca.pem"
TRUSTSTORE_NAME = "truststore.p12"
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105 - Java's default; the store holds a certificate and no secret


class Authority:
    """Issues one certificate for all names that are intercepted."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="dingtalk-sandbox", organization_unit_name="test CA")

    @property
    def certificate(self) -> bytes:
        """The certificate that clients have to trust, in PEM."""
        return self._ca.cert_pem.bytes()

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """Return a context that proves to be each of these host names and addresses."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(*names).configure_cert(context)
        return context

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the certificate as PEM, and as a truststore of Java. Returns both paths.

        Raises `OSError` if the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        certificate, truststore = folder / CERTIFICATE_NAME, folder / TRUSTSTORE_NAME
        certificate.write_bytes(self.certificate)
        entry = pkcs12.PKCS12Certificate(load_pem_x509_certificate(self.certificate), b"dingtalk-sandbox")
        encryption = BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
        truststore.write_bytes(pkcs12.serialize_java_truststore([entry], encryption))
        return certificate, truststore
