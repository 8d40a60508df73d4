"""Records of the database, as staff sees them on the pages of the dashboard and changes them through Lifecycle."""

SECURITY_TABLES = frozenset(
    {
        "auth_user",
        "registry_authsubject",
        "registry_authtoken",
        "registry_authresourcepermission",
    }
)
"""The tables that only superusers may change: other staff could give itself all rights there."""
