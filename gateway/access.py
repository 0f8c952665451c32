"""The one judge, `runtime.access`, as the doors and commands know it."""

from runtime.access import account_id, authorize, may, permits
from runtime.model.access import Action, Resource

__all__ = ["Action", "Resource", "account_id", "authorize", "may", "permits"]
