"""Nightdesk's tests."""
