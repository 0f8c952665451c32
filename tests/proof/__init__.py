"""Proofs that take longer than a test may, or need more than it may ask for: `make prove`."""
