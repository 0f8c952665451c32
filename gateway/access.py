"""The one judge, `runtime.access`, as the doors and commands know it."""

from runtime.access import authorize, may, permits, spelled
from runtime.model.access import Action, Resource

__all__ = ["Action", "Resource", "authorize", "may", "permits", "spelled"]
