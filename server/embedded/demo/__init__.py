"""The demo's catalogue and its concert hall."""
