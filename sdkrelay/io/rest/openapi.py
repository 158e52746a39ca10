"""The table of endpoints as an OpenAPI 3.1 document.

Nothing is written twice: parameters and bodies come from the requests' classes, answers from what the handlers' annotations
say, refusals from the one table of statuses. A row that cannot be described stops the relay at start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ...domain.access import Access
from ...domain.problem import Code
from ...messages.catalog import encode
from ...messages.message import RawReply, Reply, Request
from ...messages.rest.archive import Exported
from ...messages.schema import Schema, fields_of, plain, without
from .table import Row

Replies = Mapping[type[Request], tuple[type[Reply], ...]]

JSON = "application/json"
#: What each status means, and its codes; those above the line may come from every endpoint.
REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("What was sent cannot be parsed.", (Code.VALIDATION_ERROR, Code.DECRYPTION_FAILED)),
    401: ("Who asks must prove who they are, or what they showed does not hold.", (Code.AUTH_REQUIRED,)),
    403: ("Whoever asks may not, or not this way.", (Code.FORBIDDEN, Code.INSECURE, Code.HANDSHAKE_REQUIRED)),
    404: ("There is no such thing.", (Code.NOT_FOUND,)),
    405: ("Not with this method; `Allow` lists those that are.", ("METHOD_NOT_ALLOWED",)),
    409: ("There is something else already.", (Code.CONFLICT,)),
    413: ("Too large.", (Code.TOO_LARGE,)),
    415: ("The body is not said to be JSON.", (Code.VALIDATION_ERROR,)),
    422: ("What was sent breaks the schema, or makes no sense.", (Code.VALIDATION_ERROR, Code.UNKNOWN_TYPE)),
    429: ("Too much, or too often; `Retry-After` says when to try again.", (Code.RATE_LIMITED, Code.LIMIT_EXCEEDED)),
    500: ("A fault of the relay; its log says more.", (Code.INTERNAL,)),
    503: ("The relay cannot do this now.", (Code.UNAVAILABLE, Code.LIMIT_EXCEEDED, Code.WS_CONNECTION_FAILED)),
}
#: Statuses of requests with a body only.
_OF_BODIES = {400, 409, 413, 415}
_OPERATOR: list[Schema] = [{"bearer": []}, {"basic": []}, {"certificate": []}]
_WALLET: Schema = {"walletToken": []}
_SECURITY = {
    Access.OPEN: [],
    Access.GREETED: [{}, _WALLET, *_OPERATOR],
    Access.READ: [{}, *_OPERATOR],
    Access.OPERATOR: _OPERATOR,
}


def openapi(rows: Iterable[Row], replies: Replies, version: str) -> bytes:
    """The document as JSON. ValueError names a row whose answer nobody states."""
    document = _Document(replies)
    paths: dict[str, Schema] = {}
    for row in rows:
        path = row.path.replace("<", "{").replace(">", "}")
        paths.setdefault(path, {})[row.method.lower()] = document.operation(row)
    info = {
        "title": "sdkrelay",
        "version": version,
        "description": "An always-on relay for Bitcoin silent payments (BIP352). Every answer that is an object has its "
        "time as `timestamp`, in seconds since the epoch.",
    }
    return encode({"openapi": "3.1.0", "info": info, "paths": paths, "components": document.components()})


class _Document:
    """Collects, while operations are described, the schemas that they share."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._schemas: dict[str, Schema] = {"Refusal": _refusal()}

    def components(self) -> Schema:
        """All that operations refer to."""
        responses = {f"Refused{status}": _refused(status) for status in REFUSALS}
        return {"schemas": self._schemas, "responses": responses, "securitySchemes": _schemes()}

    def operation(self, row: Row) -> Schema:
        """What one row takes and gives."""
        fields = self._fields(row.request)
        summary, _, rest = plain(row.request.__doc__).partition("\n\n")
        return {
            "operationId": row.request.wire_name(),
            "summary": " ".join(summary.split()),
            **({"description": rest} if rest else {}),
            **({"security": self._security(row)} if row.request.ACCESS is not Access.OPEN else {}),
            "parameters": [*_in_path(row, fields), *_in_headers(row, fields), *_in_query(row, fields)],
            **({"requestBody": _body(row, fields)} if row.takes_body else {}),
            "responses": {**self._answers(row), **_refusals(row)},
        }

    def _security(self, row: Row) -> list[Schema]:
        return [_WALLET] if row.wallet else _SECURITY[row.request.ACCESS]

    def _fields(self, message: type[msgspec.Struct]) -> Schema:
        own, named = fields_of(message)
        for name, schema in named.items():
            self._name(name, schema)
        return without(own, "id")

    def _name(self, name: str, schema: Schema) -> None:
        if self._schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two different objects of the HTTP interface are called {name}")

    def _answers(self, row: Row) -> Schema:
        kinds = self._replies.get(row.request, ())
        if not kinds:
            raise ValueError(f"nobody states what {row.request.wire_name()} is answered with")
        content: Schema = {}
        for kind in kinds:
            content.update(self._content(row, kind))
        told = [" ".join(plain(kind.__doc__).partition("\n\n")[0].split()) for kind in kinds]
        described = {"description": " ".join(told)}
        return {str(status): {**described, "content": _or_refused(content, status)} for status in row.statuses}

    def _content(self, row: Row, kind: type[Reply]) -> Schema:
        """The bodies of one kind of answer by media type."""
        if issubclass(kind, RawReply):
            texts = [media for media in row.forms if media != JSON]
            return {media: {"schema": {"type": "string"}} for media in texts} or {JSON: {"schema": {"type": "object"}}}
        if kind is Exported:
            return {JSON: {"schema": {"type": "object", "required": ["version", "relay_id", "network", "exported_at"]}}}
        self._name(kind.__name__, self._reply(kind))
        example = {name: value for name, value in kind.EXAMPLE.items() if name not in ("type", "id")}
        shown = {"example": example} if example else {}
        return {JSON: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}, **shown}}

    def _reply(self, kind: type[Reply]) -> Schema:
        """Every field is there always, save those that may be left out."""
        always = [field.encode_name for field in msgspec.structs.fields(kind) if not _may_be_absent(field.type)]
        fields = self._fields(kind)
        return {**fields, "required": [name for name in always if name in fields["properties"]]}


def _or_refused(content: Schema, status: int) -> Schema:
    """A status of an answer may be that of a refusal too."""
    if status not in REFUSALS:
        return content
    return {JSON: {"schema": {"anyOf": [content[JSON]["schema"], {"$ref": "#/components/schemas/Refusal"}]}}}


def _may_be_absent(kind: Any) -> bool:
    return kind is UnsetType or UnsetType in getattr(kind, "__args__", ())


def _in_path(row: Row, fields: Schema) -> list[Schema]:
    return [_parameter(row, fields, name, "path", required=True) for name in row.in_path]


def _in_query(row: Row, fields: Schema) -> list[Schema]:
    """What is in no other place; with a body, all the rest is in that."""
    if row.takes_body:
        return []
    elsewhere = {*row.in_path, *row.headers.values()}
    names = [name for name in fields["properties"] if name not in elsewhere]
    return [_parameter(row, fields, name, "query", required=name in fields["required"]) for name in names]


def _in_headers(row: Row, fields: Schema) -> list[Schema]:
    return [
        _parameter(row, fields, field, "header", required=False, name=header) for header, field in row.headers.items()
    ]


def _parameter(row: Row, fields: Schema, field: str, place: str, required: bool, name: str = "") -> Schema:
    """A field that is written as text; what may be null is rather left out."""
    example = row.request.EXAMPLE.get(field, UNSET)
    return {
        "name": name or field,
        "in": place,
        "required": required,
        "schema": _not_null(fields["properties"][field]),
        **({} if example is UNSET else {"example": example}),
    }


def _not_null(schema: Schema) -> Schema:
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    return {**rest, **options[0]} if len(options) == 1 else schema


def _body(row: Row, fields: Schema) -> Schema:
    if row.document:
        return {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    example = {name: value for name, value in row.request.EXAMPLE.items() if name not in ("type", "id")}
    if row.whole:
        schema, example = fields["properties"][row.whole], example.get(row.whole, {})
    else:
        own = without(fields, *row.in_path, *row.headers.values())
        schema = {name: value for name, value in own.items() if name in ("type", "properties", "required")}
    required = bool(row.whole or schema.get("required"))
    return {"required": required, "content": {JSON: {"schema": schema, **({"example": example} if example else {})}}}


def _refusals(row: Row) -> Schema:
    statuses = [status for status in REFUSALS if row.takes_body or status not in _OF_BODIES]
    return {
        str(status): {"$ref": f"#/components/responses/Refused{status}"}
        for status in statuses
        if status not in row.statuses
    }


def _refusal() -> Schema:
    error = {
        "type": "object",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"enum": sorted({code for _, codes in REFUSALS.values() for code in codes})},
            "message": {"type": "string"},
            "details": {"type": "object", "description": "`field`, `value` (never a secret), `expected`, and others."},
        },
    }
    return {
        "type": "object",
        "required": ["error", "timestamp"],
        "properties": {"error": error, "timestamp": {"type": "integer"}},
    }


def _refused(status: int) -> Schema:
    meaning, codes = REFUSALS[status]
    example = {"error": {"code": codes[0], "message": meaning, "details": {}}, "timestamp": 1703001600}
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": example}}
    after: Schema = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {"description": meaning, "content": content, **({"headers": after} if status in (429, 503) else {})}


def _schemes() -> Schema:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `POST /auth/token`."},
        "basic": {"type": "http", "scheme": "basic", "description": "A user's name and password."},
        "certificate": {"type": "mutualTLS", "description": "A client certificate, on a TLS port."},
        "walletToken": {"type": "apiKey", "in": "header", "name": "X-Wallet-Token", "description": "A wallet's token."},
    }
