"""Idempotency keys: the first call's result is every later call's result, a 500 too, for 24 hours."""

from dataclasses import dataclass
from typing import Final

from tests.fake_stripe.core.refusal import Refused

KEPT_MS: Final = 24 * 3600 * 1000
LONGEST: Final = 255


@dataclass(frozen=True)
class Result:
    """What was answered."""

    status: int
    body: bytes


@dataclass
class _Use:
    fingerprint: str
    at_ms: int
    result: Result | None = None


class Keys:
    """`fingerprint` is the call with its parameters: another one under the same key is refused."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    def begin(self, key: str, fingerprint: str, now_ms: int) -> Result | None:
        """The earlier result, or None for the one that may go on; end it with `finish` or `abandon`."""
        if len(key) > LONGEST:
            raise Refused(f"Idempotency keys have {LONGEST} characters at most.")
        use = self._uses.get(key)
        if use is None or (use.result and use.at_ms + KEPT_MS <= now_ms):
            self._uses[key] = _Use(fingerprint, now_ms)
            return None
        if use.fingerprint != fingerprint:
            raise Refused(
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        if use.result is None:
            raise Refused(
                "There is currently another in-progress request using this Idempotent Key. Please try again "
                "later or use a different key.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        return use.result

    def finish(self, key: str, result: Result) -> None:
        """Keep what was answered."""
        self._uses[key].result = result

    def abandon(self, key: str) -> None:
        """The call never began, or was not valid: the key is free again."""
        self._uses.pop(key, None)
