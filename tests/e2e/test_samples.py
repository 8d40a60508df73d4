"""Samples that need more than the wrapper answer as their READMEs say."""

import httpx
import pytest

PAGES = "python-ui-flask/latest/api/v1/webview"


def test_a_job_shows_pages(stack):
    stack.racetrack("deploy", "sample/python-ui-flask", "--force")
    answer = stack.call("python-ui-flask/latest/api/v1/perform", {"numbers": [40, 2]})
    assert (answer.status_code, answer.json()) == (200, 42)

    assert stack.call(f"{PAGES}/postme", "World").json() == {"hello": "World"}
    with httpx.Client(
        base_url=f"{stack.pub_url}/job/",
        headers={"X-Racetrack-Auth": stack.admin_token},
        follow_redirects=True,
    ) as browser:
        page = browser.get(f"{PAGES}/")
        assert page.status_code == 200
        stylesheet = page.text.partition('href="')[2].partition('"')[0]
        assert browser.get(page.url.join(stylesheet)).headers["content-type"].startswith("text/css")
        assert browser.get(f"{PAGES}/describe").json()["pages"] == ["/", "/postme", "/describe"]
        home = browser.get("python-ui-flask/latest/")
        assert home.url.path == "/pub/job/python-ui-flask/0.0.2/api/v1/webview/"
        assert home.text == page.text


def test_pages_are_not_public_before_the_staff_agrees(stack):
    stack.racetrack("deploy", "sample/python-ui-flask", "--force")
    assert stack.call(f"{PAGES}/postme", "World", token=None).status_code == 401


def test_a_model_is_trained_and_predicts(stack):
    stack.racetrack("deploy", "sample/scikit-model", "--force")
    answer = stack.call("scikit-sample/latest/api/v1/perform", {"x_new": [0.5, 2]})
    assert answer.json() == [pytest.approx(201.96842858259438)]


def test_a_job_of_its_own_dockerfile_is_refused_where_no_container_can_run(embedded_stack):
    refused = embedded_stack.racetrack("deploy", "sample/docker-python-flask", check=False)
    assert refused.returncode != 0
    assert "dockerfile:latest is not available for process targets" in refused.stderr
    assert "there are: python3:" in refused.stderr
    assert not [job for job in embedded_stack.jobs() if job["name"] == "docker-python-flask"]
