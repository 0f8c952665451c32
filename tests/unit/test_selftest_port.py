"""The port of the program that the self-test starts: held, between two of its lives as well."""

import socket

import pytest

from bot.selftest.port import held_port


def test_a_held_port_may_be_listened_on_again_and_again_by_who_asks_for_it() -> None:
    with held_port() as port:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)):
                pass


def test_a_held_port_is_taken_for_who_does_not_know_of_it() -> None:
    with held_port() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
