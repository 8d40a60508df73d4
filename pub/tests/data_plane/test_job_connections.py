"""New connections to jobs by their host names."""

import asyncio
import socket

import pytest
from pub.config import PubConfig
from pub.data_plane.job_answers import AnswerJudge
from pub.data_plane.job_connections import JobConnections
from pub.proxy.headers import HeaderRules
from pub.proxy.upstream import ConnectionRefused
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def connections():
    config = PubConfig()
    rules = HeaderRules(config.request_tracing_header, config.caller_name_header)
    return JobConnections(AnswerJudge(rules), 5, None)


async def reach_again(connections, address, error):
    """Open a connection, and another one when asking for the address of the name fails."""
    (await connections.open(address, None)).abandon()
    loop = asyncio.get_running_loop()
    loop.getaddrinfo = lambda *_, **__: fail(error)
    (await connections.open(address, None)).abandon()


async def fail(error):
    raise socket.gaierror(error, "as told")


def test_a_job_is_reached_while_no_server_of_names_answers(connections, gateway):
    address = gateway.job.address.replace("127.0.0.1", "localhost")
    before = gateway.job.connections
    asyncio.run(reach_again(connections, address, socket.EAI_AGAIN))
    wait_until(lambda: gateway.job.connections == before + 2)


def test_a_name_that_is_gone_is_not_reached_by_its_last_address(connections, gateway):
    address = gateway.job.address.replace("127.0.0.1", "localhost")
    with pytest.raises(ConnectionRefused):
        asyncio.run(reach_again(connections, address, socket.EAI_NONAME))
