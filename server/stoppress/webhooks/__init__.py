"""Webhooks: sends a feed's events to addresses that its managers set."""
