"""Markdown, read once for the platforms that have no Markdown of their own or another dialect."""
