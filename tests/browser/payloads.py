"""Texts that would run a script on a page that shows them carelessly; the script only sets a variable of the page."""

EFFECT = "window.attacked=1"
VEHICLES = (
    f"<script>{EFFECT}</script>",
    f'<img src=x onerror="{EFFECT}">',
    f'<svg onload="{EFFECT}">',
    f'"><img src=x onerror={EFFECT}>',
    f"'><svg/onload={EFFECT}>",
    f'<iframe srcdoc="<script>parent.{EFFECT}</script>"></iframe>',
    f'<a href="javascript:{EFFECT}">open</a>',
    f"[open](javascript:{EFFECT})",
    f'![x](x"onerror="{EFFECT})',
    f'{{{{constructor.constructor("{EFFECT}")()}}}}',
    f"{{{{$el.ownerDocument.defaultView.{EFFECT.partition('.')[2]}}}}}",
    f'<details open ontoggle="{EFFECT}">',
    f'<input autofocus onfocus="{EFFECT}">',
    f'<style>@keyframes x{{}}</style><b style="animation-name:x" onanimationstart="{EFFECT}">b</b>',
    f'<math><mtext><img src=x onerror="{EFFECT}">',
    f"javascript:{EFFECT}",
    f"data:text/html,<script>{EFFECT}</script>",
    f"</textarea><img src=x onerror={EFFECT}>",
    f"</script><script>{EFFECT}</script>",
    f"</style></title><svg onload={EFFECT}>",
)
WRAPPINGS = (
    "{}",
    "a name {}",
    "\n\n{}\n\n",
    "-->{}<!--",
    "`{}`",
    "```\n{}\n```",
    '"{}"',
    "&lt;{}&gt;",
    "<div>{}</div>",
    "* {}\n> {}",
)


def make_payloads() -> list[str]:
    """Return each vehicle in each wrapping: 200 texts."""
    return [wrapping.replace("{}", vehicle) for vehicle in VEHICLES for wrapping in WRAPPINGS]
