def test_the_status_of_a_job_is_told_line_by_line(logged_in, lifecycle, answer):
    job = {
        "name": "adder",
        "version": "0.0.2",
        "status": "error",
        "error": "it crashed\nCUDA is missing",
        "update_time": 1,
        "deployed_by": "admin",
        "last_call_time": None,
        "pub_url": "http://pub/job/adder/0.0.2",
        "replica_internal_names": ["a:1", "a:2"],
        "infrastructure_stats": {"memory_bytes": 5 * 1024 * 1024, "number_of_restarts": 3},
    }
    lifecycle.on("GET job/adder/latest", answer(job))

    lines = dict(
        line.split("   ", 1)
        for line in logged_in("status", "adder").stdout.splitlines()
        if "  " in line[:12]
    )

    shown = {title.strip(): text.strip() for title, text in lines.items()}
    assert shown["job"] == "adder 0.0.2"
    assert shown["status"] == "ERROR"
    assert shown["error"] == "it crashed"
    assert shown["updated"].endswith("years ago by admin")
    assert shown["last call"] == "never"
    assert (shown["replicas"], shown["memory"], shown["restarts"]) == ("2", "5.0 MiB", "3")


def test_the_page_of_a_job_is_opened(logged_in, lifecycle, answer):
    url = "http://pub/job/adder/0.0.2"
    job = {"name": "adder", "version": "0.0.2", "pub_url": url}
    lifecycle.on("GET job/adder/latest", answer(job))
    seen = logged_in.workdir / "seen"
    browser = logged_in.workdir / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)

    done = logged_in("open", "adder", BROWSER=f"{browser} %s")

    assert done.stdout == f"{url}\n"
    assert seen.read_text() == f"{url}\n"
    assert "open the URL in one" in logged_in("open", "adder", BROWSER="/bin/false %s").stderr


def test_the_dashboard_is_opened(logged_in, lifecycle, answer):
    lifecycle.on("GET info", answer({"dashboard_url": "http://dashboard:7203/dashboard"}))

    done = logged_in("dashboard", BROWSER="/bin/true %s")

    assert (done.stdout, done.returncode) == ("http://dashboard:7203/dashboard/\n", 0)


def test_a_platform_without_a_dashboard_says_so(logged_in, lifecycle, answer):
    lifecycle.on("GET info", answer({"service": "lifecycle"}))

    done = logged_in("dashboard")

    assert done.returncode == 70
    assert "EXTERNAL_DASHBOARD_URL" in done.stderr


def test_an_unknown_job_names_the_one_that_is_meant(logged_in, lifecycle, answer):
    lifecycle.on("GET job/ader/latest", answer({"error": "there is no job ader latest"}, 404))
    lifecycle.on("GET job", answer([{"name": "adder", "version": "0.0.2"}]))
    lifecycle.on("GET deploy?job_name=ader&limit=1", answer([]))

    never_built = answer({"error": "job ader latest was never built here"}, 404)
    lifecycle.on("GET job/ader/latest/build-logs?tail=0", never_built)

    for command in ("status", "open", "logs", "build-logs"):
        assert "did you mean adder?" in logged_in(command, "ader").stderr


JOB = {"name": "adder", "version": "0.0.2", "status": "running"}
LAST = "GET deploy?job_name=adder&limit=1&job_version=0.0.2"


def a_deployment(**values):
    return {"id": "7", "job_name": "adder", "job_version": "0.0.2", "update_time": 1} | values


def test_the_status_tells_why_the_last_deployment_failed(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer(JOB))
    failed = a_deployment(status="failed", error="no module foo\nname it in requirements.txt")
    lifecycle.on(LAST, answer([failed]))

    shown = logged_in("status", "adder").stdout

    assert "deployment   the last one failed" in shown
    assert "years ago: no module foo\n    name it in requirements.txt" in shown
    lifecycle.on(LAST, answer([a_deployment(status="done")]))
    assert "deployment" not in logged_in("status", "adder").stdout


def test_a_version_that_starts_for_the_first_time_has_a_status(logged_in, lifecycle, answer):
    running = a_deployment(status="in_progress", phase="building image")
    lifecycle.on("GET job/adder/latest", answer({"error": "there is no job adder latest"}, 404))
    lifecycle.on("GET deploy?job_name=adder&limit=1", answer([running]))
    lifecycle.on(LAST, answer([running]))
    lifecycle.on("GET job/adder/0.0.2", answer(JOB | {"status": "starting"}))

    shown = logged_in("status", "adder").stdout

    assert "status       STARTING" in shown
    assert "deployment   building image; `racetrack attach 7` follows it" in shown
