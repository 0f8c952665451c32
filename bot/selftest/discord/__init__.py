"""A strict Discord on loopback: the REST API, the gateway, and signed interactions."""
