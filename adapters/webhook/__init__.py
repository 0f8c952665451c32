"""Webhooks, outbound: signed requests to addresses that the team lists."""
