"""Requests as values, and clients that send them and follow the stream, sync and async."""

from seawall.service.client.client import (
    AsyncClient,
    Client,
    Problem,
    SignatureError,
    UnknownOutcomeError,
    verify,
)

__all__ = [
    "AsyncClient",
    "Client",
    "Problem",
    "SignatureError",
    "UnknownOutcomeError",
    "verify",
]
