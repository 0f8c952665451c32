"""In-memory twins of the ports: for tests, benches, and a desk that is wired to be looked at only.

No setting reaches them: everything would be gone with the process.
"""
