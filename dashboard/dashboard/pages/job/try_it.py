"""Trying a job: a form that its OpenAPI document describes, and what the job answers."""

import base64
import json
from typing import Any
from urllib.parse import quote

from nicegui import PageArguments, ui
from racetrack_client.utils.terminal import make_safe

from dashboard.client.job_calls import JobAnswer, JobNotCalled, JobRequest
from dashboard.components.editor import add_editor
from dashboard.components.parts import add_heading
from dashboard.pages.job.openapi import (
    FormField,
    Operation,
    Parameter,
    fill_path,
    list_operations,
    read_field,
    write_body,
)
from dashboard.pages.job.opened import OpenedJob
from dashboard.pages.job.overview import get_document
from dashboard.web.session import BASE_PATH

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_MOST_SHOWN = 200_000


async def show_try_it(job: OpenedJob, args: PageArguments) -> None:
    """Show the form of one endpoint; `endpoint` in the URL chooses it."""
    waiting = ui.spinner()
    try:
        operations = list_operations(await get_document(job))
    except (JobNotCalled, ValueError) as error:
        waiting.delete()
        text = f"The job's description of its endpoints could not be read: {error}."
        ui.label(text).classes("rt-banner").props("role=alert")
        return
    waiting.delete()
    if not operations:
        ui.label("The job describes no endpoints.").classes("rt-soft")
        return
    titles = [each.title for each in operations]
    wanted = args.query_parameters.get("endpoint", "")
    chosen = operations[titles.index(wanted) if wanted in titles else 0]
    box = ui.select(titles, label="Endpoint", value=chosen.title).classes("w-full")
    box.props("outlined dense options-dense")
    box.on_value_change(
        lambda event: ui.navigate.to(
            job.make_page("try", endpoint=event.value).removeprefix(BASE_PATH)
        )
    )
    CallForm(job, chosen)


class CallForm:
    """The form of an endpoint, and the last answer."""

    def __init__(self, job: OpenedJob, operation: Operation) -> None:
        self._job, self._operation = job, operation
        with ui.element("div").classes("rt-columns"):
            with ui.column().classes("rt-card"):
                self._add_description()
                self._parameters = {each: _add_parameter(each) for each in operation.parameters}
                self._body = RequestBody(operation) if operation.content_type else None
                with ui.row().classes("items-center"):
                    self._send = ui.button("Send", icon="send", on_click=self._call)
                    self._send.props("unelevated no-caps")
                    self._spinner = ui.spinner(size="24px")
            with ui.column().classes("rt-card"):
                add_heading("Answer", 2)
                self._answer = ui.column().classes("w-full").props("aria-live=polite")
                with self._answer:
                    ui.label("Nothing was sent yet.").classes("rt-soft")
        self._spinner.set_visibility(False)

    def _add_description(self) -> None:
        add_heading(self._operation.summary or self._operation.title, 2)
        description = self._operation.description
        if description and description != self._operation.summary:
            ui.label(description).classes("rt-wrap rt-soft")

    async def _call(self) -> None:
        self._send.disable()
        self._spinner.set_visibility(True)
        try:
            answer = await self._job.caller.call(self._make_request())
        except (JobNotCalled, ValueError) as error:
            reason = str(error)
            self._show(lambda: _show_failure(reason))
        else:
            self._show(lambda: show_answer(answer))
        finally:
            self._send.enable()
            self._spinner.set_visibility(False)

    def _show(self, build: Any) -> None:
        self._answer.clear()
        with self._answer:
            build()

    def _make_request(self) -> JobRequest:
        values = {each: (box.value or "").strip() for each, box in self._parameters.items()}
        for each, value in values.items():
            if each.is_required and not value:
                raise ValueError(f"{each.name} is missing")
        places = {
            each.name: quote(value, safe="")
            for each, value in values.items()
            if each.place == "path"
        }
        query = {
            each.name: value for each, value in values.items() if each.place == "query" and value
        }
        return JobRequest(
            method=self._operation.method,
            path=fill_path(self._operation.path, places),
            query=query,
            content_type=self._operation.content_type,
            body=self._body.read() if self._body else None,
        )


class RequestBody:
    """The body of a request: simple fields if its schema is flat, and an editor."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._boxes: dict[FormField, Any] = {}
        has_fields = operation.is_json and bool(operation.fields)
        if len(operation.examples) > 1:
            box = ui.select(
                list(operation.examples), label="Example", value=next(iter(operation.examples))
            )
            box.props("outlined dense options-dense").classes("w-full")
            box.on_value_change(lambda event: self._fill(operation.examples[event.value]))
        self._mode = ui.toggle(
            {"fields": "Fields", "text": "JSON"}, value="fields" if has_fields else "text"
        )
        self._mode.props("no-caps unelevated dense padding='2px 12px'").set_visibility(has_fields)
        self._fields = ui.column().classes("w-full")
        with self._fields:
            for each in operation.fields if has_fields else ():
                self._boxes[each] = _add_field(each)
        self._text = ui.column().classes("w-full")
        with self._text:
            example = write_body(operation.first_example)
            self._editor = add_editor("Body of the request", example, "JSON")
        self._failure = ui.label().classes("rt-error").props("role=alert")
        self._fill(operation.first_example)
        self._mode.on_value_change(self._switch)
        self._show_mode()

    def read(self) -> str:
        """Return the body as text; raises ValueError."""
        if self._mode.value == "fields":
            return json.dumps(self._read_fields())
        text = self._editor.value or ""
        if self._operation.is_json:
            try:
                json.loads(text)
            except ValueError as error:
                raise ValueError(f"the body is no JSON: {error}") from error
        return text

    def _switch(self) -> None:
        """Take what was typed in the other form along."""
        self._failure.set_text("")
        try:
            if self._mode.value == "text":
                self._editor.set_value(write_body(self._read_fields()))
            else:
                self._fill_fields(json.loads(self._editor.value or "{}"))
        except ValueError as error:
            self._failure.set_text(f"This could not be taken over: {error}")
        self._show_mode()

    def _show_mode(self) -> None:
        self._fields.set_visibility(self._mode.value == "fields")
        self._text.set_visibility(self._mode.value == "text")

    def _fill(self, example: Any) -> None:
        self._editor.set_value(write_body(example))
        self._fill_fields(example)

    def _fill_fields(self, value: Any) -> None:
        known = value if isinstance(value, dict) else {}
        for each, box in self._boxes.items():
            given = known.get(each.name)
            if each.kind == "boolean":
                box.set_value(bool(given))
            elif each.kind == "string":
                box.set_value(
                    given if isinstance(given, str) else None if given is None else str(given)
                )
            else:
                box.set_value("" if given is None else json.dumps(given))

    def _read_fields(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for each, box in self._boxes.items():
            value = box.value
            if each.kind != "boolean" and value in (None, "") and not each.is_required:
                continue
            try:
                body[each.name] = read_field(each.kind, value if value is not None else "")
            except ValueError as error:
                raise ValueError(f"{each.name}: {error}") from error
        return body


def show_answer(answer: JobAnswer) -> None:
    """Show an answer: its status, its duration, its headers, and its body as text or image, never as a page."""
    kind = "good" if answer.status < 400 else "bad"
    with ui.row().classes("items-center"):
        ui.label(f"{answer.status} {answer.reason}").classes(f"rt-chip is-{kind}")
        ui.label(f"{answer.seconds * 1000:.0f} ms").classes("rt-soft")
        ui.label(f"{len(answer.body)} bytes").classes("rt-soft")
    if answer.content_type in _IMAGES and not answer.is_cut:
        data = base64.b64encode(answer.body).decode()
        image = ui.element("img").classes("rt-answer-image")
        image.props["src"] = f"data:{answer.content_type};base64,{data}"
        image.props["alt"] = "The answer, an image"
    else:
        text = describe_body(answer)
        ui.label(text).classes("rt-code rt-mono").props(
            'tabindex=0 role=region aria-label="Body of the answer"'
        )
    with ui.expansion("Headers").classes("w-full").props("dense"):
        lines = "\n".join(f"{name}: {value}" for name, value in answer.headers)
        ui.label(make_safe(lines)).classes("rt-code rt-mono")


def describe_body(answer: JobAnswer) -> str:
    """Return the body of an answer as text: JSON with indents, and never more than a page can hold."""
    text = answer.read_text()
    if "\0" in text or (text.count("\ufffd") > len(text) // 20 and text):
        return f"{len(answer.body)} bytes of {answer.content_type or 'an unknown type'}, which is no text."
    if "json" in answer.content_type and not answer.is_cut:
        try:
            text = json.dumps(answer.read_json(), indent=2, ensure_ascii=False)
        except ValueError:
            text = answer.read_text()
    shown = make_safe(text[:_MOST_SHOWN])
    is_cut = answer.is_cut or len(text) > _MOST_SHOWN
    return f"{shown}\n… the rest is left out" if is_cut else shown or "(the body is empty)"


def _show_failure(reason: str) -> None:
    ui.label(f"No answer: {reason}").classes("rt-error rt-wrap").props("role=alert")


def _add_parameter(parameter: Parameter) -> ui.input:
    label = f"{parameter.name} ({parameter.place}{'' if parameter.is_required else ', optional'})"
    box = ui.input(label, value=parameter.example).props("outlined dense").classes("w-full")
    if parameter.description:
        box.props["hint"] = parameter.description
    return box


def _add_field(field: FormField) -> Any:
    if field.kind == "boolean":
        return ui.checkbox(field.name)
    kind = "" if field.kind == "string" else f" ({'JSON' if field.kind == 'json' else field.kind})"
    label = f"{field.name}{kind}{'' if field.is_required else ', optional'}"
    if field.choices:
        box: Any = ui.select(list(field.choices), label=label)
    else:
        box = ui.input(label)
    box.props("outlined dense").classes("w-full")
    if field.description:
        box.props["hint"] = field.description
    return box
