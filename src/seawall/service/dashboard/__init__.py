"""The dashboard: static pages over the service's own API."""

from seawall.service.dashboard.routes import ROUTES

__all__ = ["ROUTES"]
