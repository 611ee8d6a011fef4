"""The socket's messages as AsyncAPI 3.0, made from the message types themselves."""

import inspect
from typing import Any, Final

import msgspec

from channels.protocol import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, ServerMessage

REFERENCE: Final = "#/components/schemas/{name}"
SUBPROTOCOLS: Final = ("holdfast.v1.msgpack", "holdfast.v1.json")

# As the wire has it where a type says it in Python's way: arrays of numbers are integers under JSON and one
# little-endian `bin` each under msgpack; `from` is no name in Python; a booking's fields lie flat.
_NUMBERS: Final = {"type": "array", "items": {"type": "integer", "minimum": 0}}


def asyncapi(version: str) -> dict[str, Any]:
    """The whole document."""
    kinds: tuple[type[msgspec.Struct], ...] = (*CLIENT_MESSAGES, *SERVER_MESSAGES)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    _as_on_the_wire(schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Holdfast", "version": version, "description": _description()},
        "defaultContentType": "application/json",
        "channels": {"socket": {"address": "/ws", "messages": {_name(kind): _ref(kind) for kind in kinds}}},
        "operations": {
            "clientSends": _operation("receive", CLIENT_MESSAGES),
            "serverSends": _operation("send", SERVER_MESSAGES),
        },
        "components": {"messages": {_name(kind): _message(kind) for kind in kinds}, "schemas": schemas},
    }


def _description() -> str:
    return (
        f"One socket a tab, subprotocol {SUBPROTOCOLS[0]} (binary frames) or {SUBPROTOCOLS[1]} (text). "
        "Every message is a map with `type`; times are integer milliseconds since the Unix epoch."
    )


def _name(kind: type[msgspec.Struct]) -> str:
    return kind.__name__


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{_name(kind)}"}


def _message(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": str(kind.__struct_config__.tag),
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": REFERENCE.format(name=_name(kind))},
    }


def _operation(action: str, kinds: tuple[type[ClientMessage] | type[ServerMessage], ...]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/socket/messages/{_name(kind)}"} for kind in kinds]
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": messages}


def _as_on_the_wire(schemas: dict[str, Any]) -> None:
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    for array in ("available", "held"):
        schemas["Snapshot"]["properties"][array] = _NUMBERS
    booking = schemas["BookingChanged"]
    booking["properties"].pop("fields")
    booking |= {"required": ["type"], "additionalProperties": True}
