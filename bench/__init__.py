"""Measures what Nightdesk promises about speed, each figure beside its limit or peer."""
