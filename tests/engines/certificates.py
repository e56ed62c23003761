"""A certificate authority of a test: who it vouches for is let in, everybody else is not."""
from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from commerce_events.bus.embedded.ports import LOOPBACK


class Identity(NamedTuple):
    """A certificate, its key, and both in one file; all of them PEM."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates for two days.

    Arguments:
        folder: for everything it makes.

    Attributes:
        certificate: its own, which others trust.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder, self._name = folder, _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        made = _blank(self._name, self._name, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def issue(self, name: str) -> Identity:
        """A certificate with this common name, good for a server on the loopback address and for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
        made = _blank(_named(name), self._name, key.public_key()).add_extension(here, critical=False)
        signed = _pem(made.sign(self._key, hashes.SHA256()))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found = Identity(*(self.folder / f"{self.certificate.stem}-{name}.{kind}" for kind in ("crt", "key", "pem")))
        for path, content in zip(found, (signed, secret, secret + signed), strict=True):
            path.write_bytes(content)
        return found


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _blank(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
