"""The Python reader: a feed's events, each once and in order, across disconnects."""

from __future__ import annotations

from stoppress.client.reader import LineRefused, Message, Transport, follow

__all__ = ["LineRefused", "Message", "Transport", "follow"]
