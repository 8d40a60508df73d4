"""Routes that take long, or that strangers may ask for, keep others from nothing."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.endpoints.route_threads import BoundedThreads, TooBusy
from racetrack_commons.auth.token import admin_token
from racetrack_commons.testing.serving import running_server, wait_until

USERS = "/api/v1/users"
ANNA = {"username": "anna@example.com", "password": "correct horse"}


@contextmanager
def serving_while_no_hash_is_made(config, **settings):
    """Serve Lifecycle, whose hashes wait; give its URL, and what lets them go on before the block ends."""
    app = create_app(config.model_copy(update=settings))
    threads = app.state.services.threads
    threads.strangers.per_second = threads.registration_turns.per_second = 1000
    with running_server(app) as url, ExitStack() as waiting:
        waiting.enter_context(app.state.services.users.passwords.turn)
        yield url, waiting.close


def test_log_ins_that_wait_for_a_hash_keep_nobody_else_waiting(config):
    with (
        ThreadPoolExecutor(60) as clients,
        serving_while_no_hash_is_made(config, http_worker_thread_pool=2) as (url, go_on),
    ):
        asked = [
            clients.submit(httpx.post, f"{url}{USERS}/login", json=ANNA, timeout=30)
            for _ in range(50)
        ]
        wait_until(lambda: sum(one.done() for one in asked) == 6)
        refused = [one.result() for one in asked if one.done()]
        assert {answer.status_code for answer in refused} == {429}
        assert all(int(answer.headers["Retry-After"]) for answer in refused)
        assert httpx.get(f"{url}/api/v1/info", timeout=5).status_code == 200
        go_on()
        assert {one.result().status_code for one in asked} <= {401, 429}


def test_registrations_that_wait_for_a_hash_keep_no_log_in_out(config):
    register, log_in = f"{USERS}/register", f"{USERS}/login"
    names = [{"username": f"anna-{number}@example.com"} for number in range(30)]
    with (
        ThreadPoolExecutor(40) as clients,
        serving_while_no_hash_is_made(config, registrations_per_address=1000) as (url, go_on),
    ):
        asked = [
            clients.submit(httpx.post, f"{url}{register}", json=ANNA | name, timeout=30)
            for name in names
        ]
        wait_until(lambda: sum(one.done() for one in asked) == 9)
        assert {one.result().status_code for one in asked if one.done()} == {429}
        admin = {"username": "admin", "password": "admin"}
        logging_in = clients.submit(httpx.post, f"{url}{log_in}", json=admin, timeout=30)
        with pytest.raises(TimeoutError):
            logging_in.result(0.5)
        go_on()
        assert logging_in.result().status_code == 200
        assert [one.result().status_code for one in asked].count(200) == 21


def test_a_flood_of_strangers_keeps_no_known_caller_waiting(config, admin):
    forged = {"X-Racetrack-Auth": admin_token("another key, which is long enough")}
    with (
        running_server(create_app(config)) as url,
        ThreadPoolExecutor(30) as threads,
        httpx.Client(base_url=url, timeout=30, limits=httpx.Limits()) as client,
    ):
        begun_at = time.monotonic()
        refused = [threads.submit(client.get, "/api/v1/job", headers=forged) for _ in range(30)]
        assert client.get("/api/v1/job", headers=admin).status_code == 200
        assert not all(one.done() for one in refused)
        assert {one.result().status_code for one in refused} == {401}
        assert time.monotonic() - begun_at >= 1.5


def test_registrations_begin_one_after_the_other(config):
    config = config.model_copy(update={"registrations_per_address": 1000})
    with (
        running_server(create_app(config)) as url,
        ThreadPoolExecutor(30) as threads,
        httpx.Client(base_url=url, timeout=30, limits=httpx.Limits()) as client,
    ):
        weak = {"username": "anna", "password": "short"}
        begun_at = time.monotonic()
        asked = [threads.submit(client.post, f"{USERS}/register", json=weak) for _ in range(7)]
        assert {one.result().status_code for one in asked} == {400}
        assert time.monotonic() - begun_at >= 0.9


def test_pubs_questions_do_not_wait_for_slow_routes(config, admin):
    with (
        ThreadPoolExecutor(2) as clients,
        serving_while_no_hash_is_made(config, http_worker_thread_pool=1) as (url, _),
    ):
        # Staff adds a user: its hash holds the only thread of usual routes.
        slow = clients.submit(httpx.post, f"{url}{USERS}", json=ANNA, headers=admin, timeout=30)
        question = f"{url}/api/v1/auth/can-call-job/adder/latest/api/v1/perform"
        assert httpx.get(question, headers=admin, timeout=5).status_code == 404
        assert not slow.done()


def test_too_many_that_wait_are_refused():
    asyncio.run(fill_and_empty())


async def fill_and_empty():
    threads, go_on = BoundedThreads(1, waiting=1), threading.Event()
    first, second = (asyncio.create_task(threads.run(go_on.wait, 5)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(TooBusy):
        await threads.run(go_on.wait)
    go_on.set()
    assert await asyncio.gather(first, second) == [True, True]
    assert await threads.run(go_on.wait) is True


def test_registrations_from_one_address_are_limited(config):
    app = create_app(config.model_copy(update={"registrations_per_address": 2}))
    with TestClient(app) as client:
        names = [f"anna-{number}@example.com" for number in range(3)]
        answers = [client.post(f"{USERS}/register", json=ANNA | {"username": n}) for n in names]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["error"].startswith("too many attempts to register")
        assert int(answers[-1].headers["Retry-After"]) > 0
        admin = {"username": "admin", "password": "admin"}
        assert client.post(f"{USERS}/login", json=admin).status_code == 200


def test_registration_can_be_turned_off(config):
    app = create_app(config.model_copy(update={"allow_registration": False}))
    with TestClient(app) as client:
        answer = client.post(f"{USERS}/register", json=ANNA)
    assert answer.status_code == 401
    assert "ask an admin" in answer.json()["error"]
