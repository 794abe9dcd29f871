"""Test certificates: one as ARL's script creates it, and one with a subject alternative name."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.runtime import utc_now


@dataclass(frozen=True, kw_only=True)
class Signed:
    certificate: Path
    key: Path
    fingerprint: str

    def issuer(self) -> tuple[x509.Name, ec.EllipticCurvePrivateKey]:
        """Return the issuer and its key."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).subject, key

    def context(self) -> SSLContext:
        """Return a server context with this certificate."""
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def self_signed(
    folder: Path, *, names_its_host: bool = False, stem: str = "arl", signer: Signed | None = None
) -> Signed:
    """Create a certificate as two files. ARL's own has `CN=127.0.0.1` and no alternative name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signed" if signer else "127.0.0.1")])
    place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    by, by_key = signer.issuer() if signer else (name, key)
    builder = x509.CertificateBuilder(by, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(
        utc_now() + timedelta(days=1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = (builder.add_extension(place, critical=False) if names_its_host else builder).sign(
        by_key, hashes.SHA256()
    )
    files = Signed(
        certificate=folder / f"{stem}.pem",
        key=folder / f"{stem}.key",
        fingerprint=made.fingerprint(hashes.SHA256()).hex(),
    )
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
