"""The terminal as a chat platform: rooms, threads, direct messages, buttons and commands."""
