import httpx
from pub.app import create_gateway
from pub.config import PubConfig
from racetrack_commons.api.server import ServerLimits
from racetrack_commons.testing.serving import free_port, running_server, wait_until

METRICS = [
    "pub_job_proxy_requests",
    "pub_job_proxy_requests_started",
    "pub_job_proxy_requests_done",
    "pub_job_proxy_response_codes",
    "pub_job_call_response_time",
    "pub_job_call_response_time_histogram_bucket",
    "pub_job_proxy_errors",
    "pub_job_proxy_connection_broken_errors",
    "pub_job_proxy_connection_refused_errors",
    "pub_job_proxy_context_canceled_errors",
    "pub_job_proxy_context_deadline_errors",
    "pub_job_proxy_request_errors",
    "pub_lifecycle_errors",
    "pub_panic_errors",
    "pub_overall_job_proxy_response_time",
    "pub_health_requests",
    "pub_lifecycle_calls",
    "pub_lifecycle_call_time",
    "pub_auth_successful",
    "pub_auth_failed",
    "pub_lifecycle_cache_retrieved_responses",
    "pub_lifecycle_cache_recovered_failed_responses",
]


def test_metrics_have_their_contract_names(pub, job):
    pub.get("/pub/job/adder/latest/x")
    lines = pub.get("/metrics").text.splitlines()
    names = {line.split("{")[0].split(" ")[0] for line in lines}
    assert not set(METRICS) - names
    assert 'pub_job_proxy_requests{job_name="adder",job_version="0.0.2"} 1.0' in lines
    assert (
        'pub_job_proxy_response_codes{job_name="adder",job_version="0.0.2",status_code="200"} 1.0'
        in lines
    )


def test_probes_answer_with_and_without_the_prefix(pub, job):
    wait_until(lambda: pub.get("/ready").status_code == 200)
    for prefix in ("", "/pub"):
        assert pub.get(f"{prefix}/live").json() == {"live": True}
        assert pub.get(f"{prefix}/ready").json() == {"ready": True}
        health = pub.get(f"{prefix}/health").json()
        assert (health["service"], health["status"], health["auth_required"]) == (
            "pub",
            "pass",
            True,
        )


def test_a_gateway_that_never_met_lifecycle_is_alive_but_not_ready():
    url = f"http://127.0.0.1:{free_port()}/lifecycle"
    gateway = create_gateway(PubConfig(lifecycle_url=url, development_mode=True))
    limits = ServerLimits(make_connection=gateway.make_connection)
    with running_server(gateway.app, limits) as pub:
        assert httpx.get(f"{pub}/live").status_code == 200
        assert httpx.get(f"{pub}/ready").status_code == 503
        assert httpx.get(f"{pub}/pub/job/adder/latest/x").status_code == 503
