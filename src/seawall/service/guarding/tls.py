"""The certificate that a service shows; it is read once, before anything listens."""

from __future__ import annotations

import ssl
from pathlib import Path


class CertificateError(ValueError):
    """The certificate or its key cannot be used; one sentence says why."""


def context_of(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS 1.2 and later under a certificate (PEM, with its chain) and its key; None without."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        given, missing = (
            ("--tls-key", "--tls-cert") if cert is None else ("--tls-cert", "--tls-key")
        )
        raise CertificateError(f"{given} needs {missing}")
    for flag, file in (("--tls-cert", cert), ("--tls-key", key)):
        if not file.is_file():
            raise CertificateError(f"{flag} {file}: no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except ssl.SSLError as error:
        said = (error.reason or "not PEM").lower().replace("_", " ")
        raise CertificateError(f"--tls-cert {cert}, --tls-key {key}: {said}") from None
    except OSError as error:
        raise CertificateError(f"--tls-cert {cert}, --tls-key {key}: {error.strerror}") from None
    except _EncryptedError:
        raise CertificateError(f"--tls-key {key}: encrypted; the service asks nobody") from None
    return context


class _EncryptedError(Exception):
    pass


def _no_password() -> str:
    raise _EncryptedError
