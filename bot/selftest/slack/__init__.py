"""A strict Slack on loopback: the Web API, Socket Mode, and what Slack posts to an app."""
