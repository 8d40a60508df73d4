import asyncio

import httpx
from dashboard.client.api import LifecycleApi
from dashboard.client.bulk_deletion import BULK_DELETION, BulkDeletion, BulkDeletions, JobName
from dashboard.pages.survey.portfolio import describe_deletion

JOBS = [JobName("adder", "0.0.1"), JobName("taken", "1.0.0"), JobName("a/b", "2.0.0")]


class Visitor:
    """Ben, who deletes jobs at a Lifecycle that takes its time with each."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[frozenset[str]] = []
        self.deletions = BulkDeletions(self._note)
        self._was_asked = asyncio.Event()
        self._was_told = asyncio.Event()
        self._may_answer = asyncio.Event()

    async def begin(self, jobs: list[JobName], *, is_stopped: bool = False) -> BulkDeletion:
        """Delete the jobs in two portions, stop after the first if wanted, and return what became of it."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self._answer)) as http:
            api = LifecycleApi(http, "http://lifecycle")
            self.deletions.begin("ben", api, jobs[:1])
            self.deletions.begin("ben", api, jobs[1:])
            deletion = self.deletions.find("ben")
            assert deletion is not None
            async with asyncio.timeout(10):
                await self._was_asked.wait()
                if is_stopped:
                    self.deletions.dismiss("ben")
                self._may_answer.set()
                while deletion.is_running:
                    self._was_told.clear()
                    await self._was_told.wait()
            return deletion

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        self._was_asked.set()
        await self._may_answer.wait()
        if "taken" in request.url.path:
            return httpx.Response(409, json={"error": "a deployment goes on"})
        return httpx.Response(200, json=None)

    def _note(self, kinds: frozenset[str]) -> None:
        self.told.append(kinds)
        self._was_told.set()


def test_jobs_are_deleted_one_after_the_other_also_after_a_failure():
    visitor = Visitor()
    deletion = asyncio.run(visitor.begin(JOBS))

    assert (deletion.deleted, deletion.failures) == (2, ["taken 1.0.0: a deployment goes on"])
    assert len(visitor.asked) == 3
    assert visitor.told == [frozenset({BULK_DELETION})] * 4  # of each job, and of the end
    text = describe_deletion(deletion)
    assert text == ("2 of 3 jobs were deleted. Not deleted: taken 1.0.0: a deployment goes on")


def test_a_deletion_that_is_stopped_ends_the_present_job_and_leaves_the_others():
    visitor = Visitor()
    deletion = asyncio.run(visitor.begin(JOBS, is_stopped=True))

    assert (deletion.deleted, len(visitor.asked)) == (1, 1)
    assert visitor.deletions.find("ben") is None


def test_the_progress_counts_the_job_that_is_deleted_now():
    deletion = BulkDeletion(current=JOBS[0], deleted=1)
    deletion.waiting.append(JOBS[1])

    assert describe_deletion(deletion) == "Deleting adder 0.0.1 (2 of 3)."
