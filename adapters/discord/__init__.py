"""Discord: HTTP interactions and the gateway in; the REST API out."""
