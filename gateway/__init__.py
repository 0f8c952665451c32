"""The guard: verification, ingress, access, commands, dispatch. It knows HTTP and no platform."""
