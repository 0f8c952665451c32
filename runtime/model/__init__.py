"""The nouns of Nightdesk: frozen values and pure state machines, one noun a file."""
