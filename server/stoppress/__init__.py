"""Stop Press: a real-time push server for live blogs."""

from __future__ import annotations

__version__ = "0.1.0"
