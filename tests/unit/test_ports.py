"""Ports that tests hand to programs: nobody else gets one, and the program does, life after life."""

import socket

import pytest

from tests.support.ports import free_port


def test_a_port_is_given_to_no_other_server() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_a_server_that_asks_for_it_has_it_in_each_of_its_lives() -> None:
    port = free_port()
    for _ in range(2):
        with (
            socket.create_server(("127.0.0.1", port)) as server,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
