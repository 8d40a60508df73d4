"""The field for a manifest: Lifecycle reviews the text while it is written, and the keys can be looked up below."""

from collections.abc import Callable

from nicegui import background_tasks, ui
from racetrack_commons.entities.manifests import ManifestProblem, ManifestReview

from dashboard.client.api import ApiError, LifecycleAway, LoggedOut
from dashboard.components.editor import add_editor, complete_keys
from dashboard.components.plain_table import PlainTable
from dashboard.components.server_table import TableColumn
from dashboard.pages.manifest_keys import list_keys
from dashboard.visit import Visit

_MOST_PROBLEMS = 20
_KEY_COLUMNS = [
    TableColumn("key", "Key", template='<code class="rt-mono">{{ props.row.key }}</code>'),
    TableColumn("kind", "Value", is_for_wide_screens=True),
    TableColumn(
        "description",
        "Meaning",
        template='<span class="rt-wrap">{{ props.row.description }}</span>',
    ),
]


class ManifestInput:
    """The editor, with what Lifecycle says about the text below it."""

    def __init__(self, visit: Visit, label: str, text: str, on_review: Callable[[], None]) -> None:
        self._visit = visit
        self._on_review = on_review
        self.is_valid = False
        """True if Lifecycle has found no error in the text."""
        self.box = add_editor(label, text, "YAML")
        self._state = ui.label("The manifest is being checked.").props("role=status")
        self._problems = ui.column().classes("w-full gap-1")
        with ui.expansion("Keys of a manifest", icon="help_outline") as keys:
            keys.classes("w-full").on_value_change(self._show_keys)
        self._keys = keys
        self.box.on_value_change(self._review_soon)
        self._review_soon()
        background_tasks.create(
            self._offer_keys(), name="completion of a manifest", context=self.box
        )

    @property
    def text(self) -> str:
        """The present text."""
        return str(self.box.value)

    def _review_soon(self) -> None:
        # A review that still waits gives way to the next, so fast typing leads to few requests.
        background_tasks.create_lazy(self._review(), name=f"manifest in {self._visit.client.id}")

    async def _review(self) -> None:
        text = self.text
        try:
            answer = await self._visit.api.post("manifest/check", {"manifest_yaml": text})
        except LoggedOut:
            self._visit.go_to_login()
        except (ApiError, LifecycleAway) as error:
            self._state.set_text(f"The manifest can't be checked now: {error}")
        else:
            if text == self.text and not self.box.is_deleted:
                self._show(ManifestReview.model_validate(answer))

    def _show(self, review: ManifestReview) -> None:
        self.is_valid = not review.errors
        self._state.set_text(_summarize(review))
        self._state.classes(replace="" if self.is_valid else "rt-error")
        self._problems.clear()
        with self._problems:
            for each in review.errors[:_MOST_PROBLEMS]:
                self._add_problem(each, "bad", "error")
            for each in review.warnings[:_MOST_PROBLEMS]:
                self._add_problem(each, "wait", "warning")
        self._on_review()

    def _add_problem(self, problem: ManifestProblem, kind: str, word: str) -> None:
        with ui.row().classes("items-center no-wrap w-full"):
            ui.label(word).classes(f"rt-chip is-{kind}")
            if line := problem.line:
                button = ui.button(f"Line {line}", on_click=lambda: self.box.reveal_line(line))
                button.props("flat dense no-caps")
            ui.label(": ".join(filter(None, (problem.path, problem.message)))).classes("rt-wrap")

    async def _offer_keys(self) -> None:
        """Let the editor complete keys and values."""
        with self._visit.reporting("The editor can't complete keys"):
            complete_keys(self.box, list_keys(await self._visit.api.get("manifest/schema")))

    async def _show_keys(self) -> None:
        """Fetch the keys when they are looked at first."""
        if not self._keys.value or self._keys.default_slot.children:
            return
        with self._keys:
            table = PlainTable(_KEY_COLUMNS, "There are no keys.", "Keys of a manifest")
        with self._visit.reporting("The keys are unknown"):
            table.show(list_keys(await self._visit.api.get("manifest/schema")))


def _summarize(review: ManifestReview) -> str:
    if not review.errors:
        return "The manifest is valid."
    count = len(review.errors)
    return "The manifest has an error." if count == 1 else f"The manifest has {count} errors."
