"""What an address of the HTTP API is, from which its route and its description are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Refused
from web.schema import json_schema, schema_of, shapes

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in the address or the query."""

    name: str
    place: str
    """`path` or `query`."""
    said: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    method: str
    path: str
    handler: Handler
    said: str
    answer: type
    """The TypedDict that it answers with."""
    body: type | None = None
    """The TypedDict that it takes as JSON."""
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[str, ...] = ()
    """Error words besides those that every address may answer with."""

    @property
    def name(self) -> str:
        """Name the operation."""
        return self.handler.__name__


def routes_of(endpoints: Sequence[Endpoint]) -> list[Route]:
    """Make the routes."""
    return [Route(e.path, e.handler, methods=[e.method], name=f"api_{e.name}") for e in endpoints]


def json(body: Any, *, public: bool = False) -> Response:
    """Answer with JSON; what may differ from asker to asker is never stored on the way."""
    headers = {
        "Cache-Control": "public, max-age=1" if public else "no-store",
        "Vary": "Cookie, Authorization",
    }
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


async def json_body(request: Request) -> dict[str, Any]:
    """Read a JSON object; `malformed` for anything else."""
    try:
        body = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        raise Refused("malformed", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refused("malformed", "The body has to be a JSON object.")
    return body


def document(
    endpoints: Sequence[Endpoint], *, title: str, server: str, statuses: dict[str, int]
) -> dict[str, Any]:
    """Describe the API as an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for e in endpoints:
        paths.setdefault(e.path, {})[e.method.lower()] = _operation(e, statuses)
    roots = [shape for e in endpoints for shape in (e.answer, e.body) if shape is not None]
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {
                **{shape.__name__: json_schema(shape) for shape in shapes(roots)},
                "Error": _error(statuses),
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(e: Endpoint, statuses: dict[str, int]) -> dict[str, Any]:
    refused: dict[str, dict[str, Any]] = {}
    for word in e.errors:
        status = str(statuses[word])
        text = f"{refused[status]['description']}, {word}" if status in refused else word
        refused[status] = {"description": text, **_content(schema={"$ref": _ref("Error")})}
    operation: dict[str, Any] = {
        "operationId": e.name,
        "summary": e.said,
        "responses": {"200": {"description": "OK", **_content(schema_of(e.answer))}, **refused},
        "security": [{}, {"token": []}],
    }
    if e.parameters:
        operation["parameters"] = [
            {
                "name": p.name,
                "in": p.place,
                "description": p.said,
                "required": p.place == "path",
                "schema": p.schema,
            }
            for p in e.parameters
        ]
    if e.body is not None:
        operation["requestBody"] = {"required": True, **_content(schema_of(e.body))}
    return operation


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


def _error(statuses: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "code": {"enum": sorted(statuses)},
                    "message": {"type": "string", "description": "A sentence for a person."},
                    "retry_after": {"type": "integer", "description": "ms to wait."},
                },
                "required": ["code", "message"],
            }
        },
        "required": ["error"],
    }
