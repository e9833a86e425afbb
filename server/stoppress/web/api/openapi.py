"""Generates the OpenAPI 3.1 document: its calls, answers and refusals.

Rules: every address and method is in CALLS, once; a test compares them with the
routes. Schemas are in `openapi_schemas.py`; this module adds only what HTTP adds.
"""

from __future__ import annotations

import functools

import msgspec

from stoppress import __version__
from stoppress.web.api.openapi_call import RESPONSES, ApiCall
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.openapi_parameters import PARAMETERS
from stoppress.web.api.openapi_schemas import schemas_by_name
from stoppress.web.api.openapi_schemas_without_struct import Schema, reference


@functools.cache
def document(base: str, address_from: str = "public_url") -> bytes:
    """The OpenAPI document as JSON; `address_from` says where `base` comes from."""
    paths: dict[str, Schema] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Stop Press",
                "version": __version__,
                "description": "A real-time push server for live blogs.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": base, "x-address-from": address_from}],
            "paths": paths,
            "components": {
                "schemas": schemas_by_name(),
                "parameters": PARAMETERS,
                "responses": {
                    name: _refusal(status, text)
                    for status, (name, text) in RESPONSES.items()
                },
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": (
                            "A token, `sp_…`, or a JWT of a trusted issuer, with the "
                            "required scope."
                        ),
                    },
                    "desk": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": "stoppress_desk",
                        "description": (
                            "A session begun at /desk; valid only on its own pages. "
                            "At an https address the name begins with `__Host-`, or "
                            "with `__Secure-` if the site is under a path."
                        ),
                    },
                },
            },
        }
    )


def _operation(call: ApiCall) -> Schema:
    operation: Schema = {"operationId": call.name, "summary": call.summary}
    names = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    parameters = [*names, *call.parameters]
    if parameters:
        operation["parameters"] = [
            {"$ref": f"#/components/parameters/{name}"} for name in parameters
        ]
    if call.takes:
        operation["requestBody"] = {
            "required": not call.may_be_empty,
            "content": {
                call.takes_type: _taken(call),
                **{kind: {} for kind in call.takes_bytes},
            },
        }
    operation["responses"] = _responses(call)
    if call.scope:
        operation["security"] = [{"bearer": []}, {"desk": []}]
        operation["description"] = f"Requires a token with the scope `{call.scope}`."
    elif "401" in operation["responses"]:
        operation["security"] = [{}, {"bearer": []}, {"desk": []}]
    return operation


def _taken(call: ApiCall) -> Schema:
    taken: Schema = {"schema": reference(call.takes)}
    if call.takes_bytes:
        taken["encoding"] = {"file": {"contentType": ", ".join(call.takes_bytes)}}
    return taken


def _refusal(status: str, text: str) -> Schema:
    content = {"application/problem+json": {"schema": reference("Problem")}}
    refusal: Schema = {"description": text, "content": content}
    if status in ("429", "503"):
        refusal["headers"] = {
            "Retry-After": {
                "required": True,
                "description": "seconds after which to ask again",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return refusal


def _responses(call: ApiCall) -> Schema:
    responses: Schema = {}
    for status, (text, gives) in call.answers.items():
        responses[status] = {"description": text}
        if gives:
            kind, _, name = gives.rpartition(" ")
            schema = {"type": "string"} if name == "text" else reference(name)
            responses[status]["content"] = {
                kind or "application/json": {"schema": schema}
            }
    for status in call.refusals:
        name, _ = RESPONSES[status]
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    return responses
