import json

JOB = """
name: adder
owner_email: sample@example.com
jobtype: python3:latest
secret_runtime_env_file: secret.env
"""


def test_what_is_sent_and_what_is_left_out_is_listed(racetrack):
    (racetrack.workdir / "job.yaml").write_text(JOB)
    (racetrack.workdir / ".gitignore").write_text("data/\n")
    (racetrack.workdir / "secret.env").write_text("A=1\n")
    (racetrack.workdir / "data").mkdir()
    (racetrack.workdir / "data/big.bin").touch()

    done = racetrack("files")

    assert done.stdout.splitlines() == [
        "     6 bytes  .gitignore",
        f"   {len(JOB)} bytes  job.yaml",
        "    left out  data: ignored by git",
        "    left out  secret.env: a file of secret variables",
    ], done.stderr
    listed = json.loads(racetrack("files", "-o", "json").stdout)
    assert listed["sent"][0] == {"path": ".gitignore", "bytes": 6}
    assert listed["left_out"][0] == {"path": "data", "reason": "ignored by git"}
