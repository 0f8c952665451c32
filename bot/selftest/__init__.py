"""Fake platforms that ship with the product: strict servers on loopback. No start imports them."""
