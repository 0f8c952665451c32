"""Who sent this? A pure verifier for each platform: the only builders of `VerifiedRequest`."""
