"""TLS by flag: a certificate made here, a client that believes it, and half a pair."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from seawall.service.client import requests
from seawall.service.client.stream import Snapshot, Stream
from seawall.service.guarding.tls import CertificateError, context_of


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with; TLS is not tested")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=seawall test", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_service_with_a_certificate_speaks_nothing_but_tls(
    start: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    cert, key = pair
    served = start("--tls-cert", str(cert), "--tls-key", str(key))
    assert served.url.startswith("https://127.0.0.1:")
    believed = ssl.create_default_context(cafile=str(cert))
    with served.client(trust=believed) as client, httpx.Client(verify=believed) as http:
        assert client.send(requests.view("venue"))["started"]
        assert http.get(f"{served.url}/healthz").status_code == 200
    with Stream(served.url, ["overview"], trust=believed) as stream:
        assert isinstance(next(iter(stream)), Snapshot)
    with Stream(served.url, ["overview"]) as stream, pytest.raises(ssl.SSLCertVerificationError):
        next(iter(stream))
    with served.client(retries=0) as client, pytest.raises(ConnectionError, match="certificate"):
        client.send(requests.view("venue"))
    with pytest.raises(httpx.TransportError):
        httpx.get(served.url.replace("https", "http") + "/healthz", trust_env=False)
    shown = context_of(cert, key)
    assert shown is not None
    assert shown.minimum_version is ssl.TLSVersion.TLSv1_2


def test_half_a_pair_and_a_wrong_pair_start_nothing(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = pair
    assert context_of(None, None) is None
    other = tmp_path / "other.pem"
    other.write_text("no certificate")
    for given, said in (
        ((cert, None), "--tls-cert needs --tls-key"),
        ((None, key), "--tls-key needs --tls-cert"),
        ((tmp_path / "none", key), "no such file"),
        ((other, key), "--tls-cert"),
        ((cert, other), "--tls-key"),
        ((key, cert), "--tls-cert"),
    ):
        with pytest.raises(CertificateError, match=said):
            context_of(*given)
    ran = subprocess.run(
        [sys.executable, "-m", "seawall.cli", "serve", "--port", "0", "--tls-cert", str(cert)],
        check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "--tls-cert needs --tls-key" in ran.stderr
    assert not (tmp_path / "venue.db").exists()
