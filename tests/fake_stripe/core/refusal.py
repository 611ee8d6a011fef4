"""Stripe's errors: `{"error": {type, code, message, param, …}}` with a status of 4xx."""

from typing import Any


class Refused(Exception):
    """The call is understood and answered with an error; nothing has changed unless `more` says so."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        fields = {"type": kind, "message": message, "code": code, "param": param, **more}
        self.error = {name: value for name, value in fields.items() if value is not None}

    def json(self) -> dict[str, Any]:
        return {"error": self.error}


def missing(what: str, object_id: str, param: str | None = None) -> Refused:
    message = f"No such {what}: '{object_id}'"
    return Refused(message, status=404, code="resource_missing", param=param or "id")


def unexpected_state(message: str, intent: dict[str, Any]) -> Refused:
    """What is asked for is not possible in the intent's status; the intent comes with the error."""
    return Refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
