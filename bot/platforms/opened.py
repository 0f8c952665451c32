"""A chat platform, opened: what the rest of the program needs of any of them."""

from collections.abc import Awaitable, Callable, Sequence

from gateway.health import Check
from gateway.http.server import WebhookRoute
from runtime.model.value import value
from runtime.ports import Accept, ChatPort

MakeRoute = Callable[[Accept], WebhookRoute]
"""Makes a webhook, once there is somebody to accept its events."""
Hear = Callable[[Accept], Awaitable[None]]
"""Hears a platform that needs no public address (a socket, a poll) until it is cancelled.

It reconnects by itself, and raises only what ends the process: a `ConfigurationError`.
"""


@value(kw_only=True)
class OpenPlatform:
    """A platform that is connected, or goes on trying.

    Attributes:
        chat: the outbound side.
        look: whether it is connected, for readiness. Never raises: a failure is a check.
        routes: its webhooks, in the processes that serve HTTP.
        hears: its listeners, in the processes that take events in.
    """

    chat: ChatPort
    look: Callable[[], Awaitable[Check]]
    routes: Sequence[MakeRoute] = ()
    hears: Sequence[Hear] = ()
