"""What the commands do: packing, deploying, talking to Lifecycle."""
