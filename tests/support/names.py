"""The names of all settings, for tests that must not inherit any."""

from dataclasses import fields

from server.settings import Settings

SETTINGS_NAMES = frozenset(field.name.upper() for field in fields(Settings))
