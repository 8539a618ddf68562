"""Describes TypedDicts to others: as TypeScript for the browser, as JSON Schema for OpenAPI."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from typing import (
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

PLAIN = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def shapes(roots: Iterable[type]) -> list[type]:
    """List TypedDicts with all those they hold, each after what it holds."""
    found: dict[type, None] = {}

    def visit(hint: Any) -> None:
        if is_typeddict(hint):
            if hint not in found:
                for inner in fields(hint).values():
                    visit(inner[0])
                found[hint] = None
        else:
            for inner in get_args(hint):
                visit(inner)

    for root in roots:
        visit(root)
    return list(found)


def fields(shape: type) -> dict[str, tuple[Any, bool]]:
    """Give the fields of a TypedDict: name → (hint, whether it may be absent)."""
    hints = get_type_hints(shape, include_extras=True)
    optional: frozenset[str] = getattr(shape, "__optional_keys__", frozenset())
    found = {}
    for name, hint in hints.items():
        absent = name in optional or get_origin(hint) is NotRequired
        if get_origin(hint) in (NotRequired, Required):
            hint = get_args(hint)[0]
        found[name] = (hint, absent)
    return found


def typescript(shape: type) -> str:
    """Write a TypedDict as an exported TypeScript interface."""
    lines = [f"/** {_said(shape)} */", f"export interface {shape.__name__} {{"]
    for name, (hint, absent) in fields(shape).items():
        lines.append(f"  {name}{'?' if absent else ''}: {_ts(hint)};")
    return "\n".join([*lines, "}"])


def json_schema(shape: type) -> dict[str, Any]:
    """Write a TypedDict as a JSON Schema; other TypedDicts are referred to by name."""
    found = fields(shape)
    return {
        "type": "object",
        "description": _said(shape),
        "properties": {name: schema_of(hint) for name, (hint, _) in found.items()},
        "required": [name for name, (_, absent) in found.items() if not absent],
    }


def schema_of(hint: Any) -> dict[str, Any]:
    """Write a type as a JSON Schema."""
    if is_typeddict(hint):
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        plain = [JSON_TYPES[a] for a in args if a in JSON_TYPES]
        if len(plain) == len(args):
            return {"type": plain}
        return {"anyOf": [schema_of(a) for a in args]}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1])}
    if hint is Any:
        return {}
    return {"type": JSON_TYPES[hint]}


def _ts(hint: Any) -> str:
    if is_typeddict(hint):
        return str(hint.__name__)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{a}"' if isinstance(a, str) else str(a).lower() for a in args)
    if origin in (Union, types.UnionType):
        return " | ".join(_ts(a) for a in args)
    if origin is list:
        inner = _ts(args[0])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<string, {_ts(args[1])}>"
    if hint is Any:
        return "unknown"
    return PLAIN[hint]


def _said(shape: type) -> str:
    return " ".join((inspect.getdoc(shape) or "").split())
