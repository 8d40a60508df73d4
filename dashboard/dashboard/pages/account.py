"""The pages of people without a session: log-in, registration, and what to do without a password."""

from nicegui import ui
from starlette.requests import Request

from dashboard.client.api import ApiError, LifecycleAway
from dashboard.links import PageLink
from dashboard.shell import make_title
from dashboard.visit import SharedServices, make_path
from dashboard.web.login import FAILURES, make_forwarding_headers
from dashboard.web.session import BASE_PATH

_RULES = "At least 8 characters, not only digits, and not a common password."


def show_login(shared: SharedServices, request: Request) -> None:
    """Show the form that logs in; `next` is the page to go to, `failed` the reason why the last try failed."""
    with ui.column().classes("rt-card rt-login").props("role=main"):
        _add_heading(f"Log in to {make_title(shared.config.site_name)}")
        if failure := FAILURES.get(request.query_params.get("failed", "")):
            ui.label(failure).classes("rt-banner").props("role=alert")
        if request.query_params.get("registered"):
            ui.label(
                "The account was made. An admin has to activate it before you can log in."
            ).classes("rt-banner").props("role=status")
        with (
            ui.element("form")
            .classes("w-full column rt-form")
            .props(f'method=post action="{BASE_PATH}/login"')
        ):
            _add_field("User name or e-mail", "username", "username").props("autofocus")
            _add_field("Password", "password", "current-password").props("type=password")
            next_page = request.query_params.get("next", "/")
            ui.element("input").props("type=hidden name=next").props["value"] = next_page
            ui.button("Log in").props("type=submit unelevated no-caps").classes("full-width")
        with ui.row().classes("w-full justify-between"):
            PageLink("Ask for an account", make_path("register"))
            PageLink("Forgot the password?", make_path("reset-password"))


def show_register(shared: SharedServices, request: Request) -> None:
    """Show the form that asks for an account."""
    with ui.column().classes("rt-card rt-login").props("role=main"):
        _add_heading("Ask for an account")
        name = (
            ui.input("E-mail")
            .props("outlined dense type=email autocomplete=username")
            .classes("w-full")
        )
        password = _add_password("Password", "new-password")
        repeated = _add_password("The password again", "new-password")
        ui.label(_RULES).classes("rt-soft")
        failure = ui.label().classes("rt-banner").props("role=alert")
        failure.set_visibility(False)

        async def register() -> None:
            failure.text = await _register(
                shared, request, (name.value, password.value, repeated.value)
            )
            failure.set_visibility(bool(failure.text))
            if not failure.text:
                ui.navigate.to(make_path("login", registered="yes")[len(BASE_PATH) :])

        for box in (name, password, repeated):
            box.on("keydown.enter", register)
        ui.button("Ask for it", on_click=register).props("unelevated no-caps").classes("full-width")
        PageLink("Back to the log-in", make_path("login"))


def show_reset_password(_: SharedServices, __: Request) -> None:
    """Say what helps without a password."""
    with ui.column().classes("rt-card rt-login").props("role=main"):
        _add_heading("Forgot the password?")
        ui.label(
            "Ask an admin of this platform: staff can set another one for you (`racetrack user password NAME`)."
        )
        PageLink("Back to the log-in", make_path("login"))


async def _register(shared: SharedServices, request: Request, fields: tuple[str, str, str]) -> str:
    """Ask Lifecycle for an account; return the reason why it was not made, or an empty text."""
    name, password, repeated = fields
    if password != repeated:
        return "The two passwords differ."
    payload = {"username": name, "password": password}
    headers = make_forwarding_headers(request, shared.config.forwarding_key)
    try:
        await shared.api.send("POST", "users/register", json=payload, headers=headers)
    except (ApiError, LifecycleAway) as error:
        return str(error)
    return ""


def _add_heading(text: str) -> None:
    ui.label(text).classes("text-h6").props("role=heading aria-level=1")


def _add_field(label: str, name: str, autocomplete: str) -> ui.input:
    field = ui.input(label).classes("w-full")
    return field.props(f"outlined dense name={name} autocomplete={autocomplete} maxlength=200")


def _add_password(label: str, autocomplete: str) -> ui.input:
    field = ui.input(label, password=True, password_toggle_button=True).classes("w-full")
    return field.props(f"outlined dense autocomplete={autocomplete}")
