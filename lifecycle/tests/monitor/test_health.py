"""The prober of jobs, on its own; tests of deployments cover what it tells users."""

import httpx
import pytest
from lifecycle.monitor import health
from lifecycle.monitor.health import (
    AddressTaken,
    JobNotHealthy,
    JobProber,
    LiveIdentity,
    ProbePace,
    check_answers,
    check_until_job_is_operational,
    quick_check_job_condition,
)
from racetrack_commons.auth.instance_proof import CHALLENGE_HEADER, PROOF_HEADER, make_proof
from racetrack_commons.testing.clock import FakeClock

TIMESTAMP = 1_770_000_000
READY = httpx.Response(200, json={"ready": True})


@pytest.fixture
def make_prober(clock: FakeClock):
    """Makes a prober of replicas that answer as `answer(url)` says."""

    def make(answer, count=1, check_running=lambda: None, secret="", has_started=None, **expected):
        http = httpx.Client(transport=httpx.MockTransport(lambda request: answer(request.url)))
        if secret:
            http = httpx.Client(transport=httpx.MockTransport(answer))
        started = has_started or (lambda: True)
        pace = ProbePace(check_running, started, clock.advance, clock.monotonic)
        urls = [f"http://replica-{number}" for number in range(count)]
        identity = LiveIdentity(TIMESTAMP, secret, **expected)
        return JobProber(http, urls, identity, pace)

    return make


def live(**content) -> httpx.Response:
    return httpx.Response(200, json={"live": True, **content})


def prove(request, response, secret, port=80) -> httpx.Response:
    if challenge := request.headers.get(CHALLENGE_HEADER):
        response.headers[PROOF_HEADER] = make_proof(secret, challenge, port)
    return response


@pytest.mark.parametrize("starting_seconds", [0.5, 1, 2, 60])
def test_a_started_job_is_seen_after_a_twentieth_of_its_start(make_prober, clock, starting_seconds):
    begun_at = clock.monotonic()
    asked = 0

    def answer(_url):
        nonlocal asked
        asked += 1
        if clock.monotonic() - begun_at < starting_seconds:
            raise httpx.ConnectError("refused")
        return READY

    make_prober(answer).wait_until_ready(900)

    assert clock.monotonic() - begun_at <= starting_seconds * 1.05 + 0.02
    assert asked < 200


def test_every_replica_is_waited_for(make_prober):
    asked = []

    def answer(url):
        asked.append(url.host)
        if url.host == "replica-1" and asked.count("replica-1") < 3:
            raise httpx.ConnectError("refused")
        return live(deployment_timestamp=TIMESTAMP)

    make_prober(answer, count=2).wait_until_alive(10)

    assert asked == ["replica-0", "replica-1", "replica-1", "replica-1"]


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_does_not_reach_the_job_yet_is_asked_again(make_prober, status):
    away = httpx.Response(status, json={"error": "the job does not answer"})
    answers = [away, away, live(deployment_timestamp=TIMESTAMP)]

    make_prober(lambda _: answers.pop(0)).wait_until_alive(10)

    assert answers == []
    with pytest.raises(JobNotHealthy, match=f"the gateway before it answers {status}"):
        make_prober(lambda _: away).wait_until_alive(10)


def test_another_instance_at_the_address_is_waited_out(make_prober):
    answers = [live(deployment_timestamp=1), live(deployment_timestamp=str(TIMESTAMP))]

    make_prober(lambda _: answers.pop(0)).wait_until_alive(10)

    assert answers == []


@pytest.mark.parametrize("status", [200, 500])
def test_another_instance_of_the_same_second_is_not_taken_for_the_expected_one(make_prober, status):
    def answer(request):
        content = {"deployment_timestamp": TIMESTAMP, "error": "theirs"}
        return prove(request, httpx.Response(status, json=content), "theirs")

    prober = make_prober(answer, secret="ours")

    with pytest.raises(
        AddressTaken, match="another program answers at the job's address replica-0"
    ):
        prober.wait_until_alive(10)


def test_the_prober_knows_whether_the_job_proved_itself(make_prober):
    ours = make_prober(lambda request: prove(request, live(), "ours"), secret="ours")
    ours.wait_until_alive(10)
    older = make_prober(lambda _: live(deployment_timestamp=TIMESTAMP), secret="ours")
    older.wait_until_alive(10)

    assert (ours.is_proven(), older.is_proven()) == (True, False)


def test_a_proof_that_another_port_gave_counts_for_nothing(make_prober):
    def answer(request):
        # The program passes the challenge on to the job, which is at port 7001 by now.
        return prove(request, live(), "ours", 7001)

    with pytest.raises(AddressTaken):
        make_prober(answer, secret="ours").wait_until_alive(10)


def test_a_job_that_proved_itself_once_must_go_on_doing_so(make_prober):
    answers = ["ours", None]

    def answer(request):
        secret = answers.pop(0)
        return prove(request, live(), secret) if secret else live()

    prober = make_prober(answer, secret="ours")
    prober.wait_until_alive(10)
    with pytest.raises(AddressTaken):
        prober.wait_until_alive(10)


def test_the_error_of_an_earlier_instance_is_not_the_new_ones(make_prober):
    broken = httpx.Response(500, json={"error": "old", "deployment_timestamp": 1})
    answers = [broken, live(deployment_timestamp=TIMESTAMP)]

    make_prober(lambda _: answers.pop(0)).wait_until_alive(10)

    assert answers == []


@pytest.mark.parametrize("status", [200, 404, 502, 503])
def test_a_stranger_at_an_address_that_settles_is_waited_out(make_prober, clock, status):
    asked = []

    def answer(request):
        asked.append(request.url.path)
        assert request.headers["Connection"] == "close", "a kept one leads to the stranger for good"
        if len(asked) < 5:
            return httpx.Response(status, text="<h1>not your job</h1>")
        return prove(request, live(deployment_timestamp=TIMESTAMP), "secret")

    prober = make_prober(answer, secret="secret", settling_seconds=20)
    prober.wait_until_alive(60)

    assert prober.is_proven()
    assert len(asked) == 5


def test_a_bad_answer_that_lasts_is_the_jobs_own_once_it_runs(make_prober, clock):
    begun_at = clock.monotonic()
    prober = make_prober(
        lambda _url: httpx.Response(404),
        has_started=lambda: clock.monotonic() - begun_at > 60,
        settling_seconds=20,
    )

    with pytest.raises(JobNotHealthy, match="answers 404 at /live"):
        prober.wait_until_alive(900)

    assert 80 <= clock.monotonic() - begun_at < 82


def test_an_error_that_names_the_deployment_is_believed_at_once(make_prober, clock):
    begun_at = clock.monotonic()
    broken = httpx.Response(500, json={"error": "no model", "deployment_timestamp": TIMESTAMP})
    prober = make_prober(lambda _url: broken, settling_seconds=20)

    with pytest.raises(JobNotHealthy, match="no model"):
        prober.wait_until_alive(900)

    assert clock.monotonic() == begun_at


def test_a_job_without_a_timestamp_is_refused_only_where_it_is_demanded(make_prober):
    make_prober(lambda _: live()).wait_until_alive(10)

    with pytest.raises(JobNotHealthy, match="does not say its deployment_timestamp"):
        make_prober(lambda _: live(), demands_timestamp=True).wait_until_alive(10)


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (httpx.Response(404), "answers 404 at /live"),
        (httpx.Response(500, json={"error": "no model"}), "initialization error: no model"),
        (httpx.Response(500, text="boom"), "initialization error: boom"),
        (httpx.Response(503), "initialization error: status 503"),
        (httpx.Response(200, text="fine"), "no JSON object but 'fine'"),
    ],
)
def test_a_job_that_fails_is_not_waited_for(make_prober, clock, response, cause):
    before = clock.monotonic()

    with pytest.raises(JobNotHealthy, match=cause) as caught:
        make_prober(lambda _: response).wait_until_alive(10)

    assert caught.value.hint
    assert clock.monotonic() == before


def test_a_job_that_breaks_down_before_it_is_ready_reports_its_error(make_prober):
    broken = httpx.Response(500, json={"error": "out of memory"})

    with pytest.raises(JobNotHealthy, match="out of memory"):
        make_prober(lambda _: broken).wait_until_ready(10)


def test_the_wait_ends_at_its_limit(make_prober):
    def answer(url):
        return live() if url.path == "/live" else httpx.Response(503)

    with pytest.raises(JobNotHealthy, match=r"did not get ready within 2\.5 s"):
        make_prober(answer).wait_until_ready(2.5)


def test_a_dead_process_ends_the_wait(make_prober):
    def check_running():
        raise RuntimeError("exit code 3")

    with pytest.raises(RuntimeError, match="exit code 3"):
        make_prober(lambda _: READY, check_running=check_running).wait_until_ready(10)


def test_plugins_learn_when_a_job_is_alive(monkeypatch):
    told = []
    answers = {"/live": live(deployment_timestamp=TIMESTAMP), "/ready": READY}
    _answer(monkeypatch, lambda request: answers[request.url.path])

    check_until_job_is_operational("http://job", TIMESTAMP, lambda: told.append("alive"))

    assert told == ["alive"]


def test_plugins_are_asked_about_a_crash_only_while_they_wait(monkeypatch):
    crashes = []
    answers = [
        live(deployment_timestamp=None),
        live(deployment_timestamp=TIMESTAMP),
        READY,
    ]
    _answer(monkeypatch, lambda _: answers.pop(0))

    check_until_job_is_operational("http://job", TIMESTAMP, check_crash=lambda: crashes.append(1))

    assert len(crashes) == 1


def test_a_wait_without_an_answer_reports_why(make_prober):
    def refuse(url):
        raise httpx.ConnectError("connection refused")

    with pytest.raises(
        JobNotHealthy, match=r"did not answer at /live within 2 s: connection refused"
    ):
        make_prober(refuse).wait_until_alive(2)


def test_a_quick_check_does_not_wait(monkeypatch):
    answers = {"/live": live(), "/ready": httpx.Response(503)}
    _answer(monkeypatch, lambda request: answers[request.url.path])
    with pytest.raises(JobNotHealthy, match="the job is not ready"):
        quick_check_job_condition("http://job")

    answers["/ready"] = READY
    quick_check_job_condition("http://job")


@pytest.mark.parametrize("theirs", ["theirs", None])
def test_a_quick_check_demands_the_proof_of_a_job_that_has_a_secret(monkeypatch, theirs):
    _answer(monkeypatch, lambda request: prove(request, live(), theirs) if theirs else live())
    for check in (quick_check_job_condition, check_answers):
        with pytest.raises(AddressTaken):
            check("http://job", secret="ours")

    _answer(monkeypatch, lambda request: prove(request, live(), "ours"))
    for check in (quick_check_job_condition, check_answers):
        check("http://job", secret="ours")


def test_a_job_that_could_not_be_loaded_answers_all_the_same(monkeypatch):
    _answer(monkeypatch, lambda _: httpx.Response(500, json={"error": "no model"}))
    check_answers("http://job")
    with pytest.raises(JobNotHealthy, match="no model"):
        quick_check_job_condition("http://job")


def test_a_quick_check_reports_why_a_job_does_not_answer(monkeypatch):
    def refuse(request):
        raise httpx.ConnectError("refused")

    _answer(monkeypatch, refuse)
    with pytest.raises(JobNotHealthy, match="the job does not answer: refused"):
        quick_check_job_condition("http://job")


def _answer(monkeypatch, answer) -> None:
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(health, "_open_client", lambda *_: httpx.Client(transport=transport))
