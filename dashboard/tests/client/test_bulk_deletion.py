import asyncio

import httpx
from dashboard.client.api import LifecycleApi
from dashboard.client.bulk_deletion import BulkDeletion, BulkDeletions, JobName
from dashboard.pages.survey.portfolio import describe_deletion

JOBS = [JobName("adder", "0.0.1"), JobName("taken", "1.0.0"), JobName("a/b", "2.0.0")]


def answer(request: httpx.Request) -> httpx.Response:
    if "taken" in request.url.path:
        return httpx.Response(409, json={"error": "a deployment goes on"})
    return httpx.Response(200, json=None)


async def delete(jobs: list[JobName], *, is_stopped: bool = False) -> BulkDeletion:
    """Delete the jobs as ben, and return what became of it."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        is_ended = asyncio.Event()

        def look(_: frozenset[str]) -> None:
            deletion = deletions.find("ben")
            if deletion is None or deletion.current is None:
                is_ended.set()

        deletions = BulkDeletions(look)
        deletions.begin("ben", LifecycleApi(http, "http://lifecycle"), jobs)
        deletion = deletions.find("ben")
        assert deletion is not None
        if is_stopped:
            deletions.dismiss("ben")
        async with asyncio.timeout(10):
            await is_ended.wait()
        await deletions.stop()
        return deletion


def test_jobs_are_deleted_one_after_the_other_also_after_a_failure():
    deletion = asyncio.run(delete(JOBS))

    assert (deletion.deleted, deletion.failures) == (2, ["taken 1.0.0: a deployment goes on"])
    text = describe_deletion(deletion)
    assert text == ("2 of 3 jobs were deleted. Not deleted: taken 1.0.0: a deployment goes on")


def test_a_deletion_that_is_stopped_leaves_the_other_jobs():
    assert asyncio.run(delete(JOBS, is_stopped=True)).deleted == 0


def test_the_progress_counts_the_job_that_is_deleted_now():
    deletion = BulkDeletion(current=JOBS[0], deleted=1)
    deletion.waiting.append(JOBS[1])

    assert describe_deletion(deletion) == "Deleting adder 0.0.1 (2 of 3)."
