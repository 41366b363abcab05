"""The live stream: what happens at a venue, sent to whoever follows it."""

from seawall.service.live.live import Live, Monitor
from seawall.service.live.readers import Readers

__all__ = ["Live", "Monitor", "Readers"]
