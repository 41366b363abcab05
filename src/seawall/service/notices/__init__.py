"""Notices: what is told to whom, written beside events and delivered at least once."""

from seawall.service.notices.signature import SignatureError, verify

__all__ = ["SignatureError", "verify"]
