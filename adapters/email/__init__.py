"""E-mail, outbound: one SMTP server."""
