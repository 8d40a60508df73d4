"""The user's settings: remotes, aliases, tokens, git credentials."""
