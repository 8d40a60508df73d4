"""The introduction of the API's documentation, and its groups of routes."""

INTRODUCTION = """
The registry of jobs, with deployments, permissions and plugins: the API behind the command `racetrack` and dashboards.

- **Token**: press *Authorize* and paste the output of `racetrack get auth-token`; it is sent in the header `X-Racetrack-Auth`.
- **Errors** are JSON with `error`, a text for people, and `type`. 401 means that the token is missing or not valid, or that its
  holder lacks a permission, which the text names.
- **Lists** are whole unless `limit`, `offset`, `search` or a filter asks for a page; then `X-Total-Count` tells how many items
  there are on all pages. An unchanged list is answered with 304 to a request with its `ETag` in `If-None-Match`.
- **Times** are seconds since 1970.
- Jobs themselves are called at PUB, not here. Staff finds tables, forms and the audit log in the [admin panel](admin/).
"""

GROUPS = {
    "jobs": "Deployed versions: their states, manifests and logs, and the actions on them.",
    "deployments": "Deploying a version, and the progress of deployments.",
    "calls": "Permissions as PUB asks for them before each call, and counts of calls.",
    "async calls": "Calls whose answers are fetched later; PUB keeps them here.",
    "permissions": "Granting, revoking and explaining the permissions of users, ESCs and job families.",
    "users": "Log-in, accounts, passwords, and tokens of people.",
    "ESCs": "External service consumers: programs outside the platform that call jobs.",
    "plugins": "Job types and infrastructure targets.",
    "audit log": "The actions of users and services.",
    "platform": "Addresses and version of this installation, and its maintenance mode.",
    "records": "Rows of the database's tables: a last resort for staff.",
    "root": "Probes and metrics, without a token.",
}
