"""The whole program on loopback, against fake platforms."""
