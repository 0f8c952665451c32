"""Slack: the Events API, slash commands and interactivity in; the Web API out."""
