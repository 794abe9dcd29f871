"""A certificate that nobody has signed but itself, as ARL's is."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.process import utc_now


@dataclass(frozen=True, kw_only=True)
class Signed:
    certificate: Path
    key: Path
    fingerprint: str

    def context(self) -> SSLContext:
        """For a server that shows it."""
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def self_signed(folder: Path) -> Signed:
    """A new one, for 127.0.0.1, as two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "arl")])
    place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(
        utc_now() + timedelta(days=1)
    )
    made = builder.add_extension(place, critical=False).sign(key, hashes.SHA256())
    files = Signed(
        certificate=folder / "arl.pem",
        key=folder / "arl.key",
        fingerprint=made.fingerprint(hashes.SHA256()).hex(),
    )
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
