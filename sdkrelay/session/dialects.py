"""The languages a conversation can be in: how each reads requests and writes answers, refusals and news."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec import UNSET, Raw, Struct, json, structs

from ..domain.news import News
from ..domain.notification import Kind
from ..domain.problem import Problem
from ..messages.bulletin import Bulletin
from ..messages.catalog import Catalog, encode
from ..messages.message import Message, Reply, Request
from ..messages.native.payments import PaymentUpdate
from ..messages.native.session import Error, HandshakeResponse
from ..messages.native.subscription import BlockNotification, Notification


class Dialect(Protocol):
    """One language of the socket; under its name it keeps what it made of a piece of news."""

    name: str

    def speaking(self, version: str | None) -> Dialect:
        """The language that a client of this version of the protocol wants to hear."""

    def decode(self, frame: bytes) -> Request:
        """The request in a frame. Raises :class:`~sdkrelay.messages.message.Malformed`."""

    def message(self, message: Message, now: float) -> bytes:
        """Something we say, with its time put in."""

    def answer(self, reply: Reply, request: Request, now: float) -> bytes:
        """The answer to a request."""

    def refusal(self, problem: Problem, request_id: str | None) -> bytes:
        """The answer to a request that is not fulfilled."""

    def news(self, news: News | Bulletin) -> bytes:
        """An entry of the log, or a bulletin."""


class Native:
    """JSON objects; times are integer seconds since the epoch."""

    name = "native"

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def speaking(self, version: str | None) -> Dialect:
        return Dated(self._catalog) if version == Dated.VERSION else Native(self._catalog)

    def decode(self, frame: bytes) -> Request:
        return self._catalog.decode(frame)

    def message(self, message: Message, now: float) -> bytes:
        return self._written(structs.replace(message, timestamp=int(now)) if isinstance(message, Reply) else message)

    def answer(self, reply: Reply, request: Request, now: float) -> bytes:
        return self._written(structs.replace(reply, id=_id(request.id), timestamp=int(now)))

    def refusal(self, problem: Problem, request_id: str | None) -> bytes:
        error = Error(
            id=_id(request_id), error_code=problem.code.value, message=problem.message, details=problem.details
        )
        return encode(error)

    def news(self, news: News | Bulletin) -> bytes:
        if isinstance(news, Bulletin):
            return news.written(self.name, self.message)
        return news.written(self.name, self._told)

    def _written(self, message: Message) -> bytes:
        return encode(message)

    def _told(self, news: News) -> bytes:
        update = news.entry.kind is Kind.PAYMENT_UPDATE
        return encode(payment_update(news) if update else _notification(news, Raw(news.entry.body)))


class Dated(Native):
    """Version "1.0": times are ISO-8601 in UTC, a handshake ends in ``success``, a new block is a ``block_notification``."""

    name = "native 1.0"
    VERSION = "1.0"

    def _written(self, message: Message) -> bytes:
        if isinstance(message, HandshakeResponse) and message.status == "accepted":
            message = structs.replace(message, status="success")
        return encode({"type": message.wire_name(), **_dated(message)})

    def _told(self, news: News) -> bytes:
        data = json.decode(news.entry.body)
        if news.entry.kind is Kind.BLOCK_MINED:
            return self._written(_block(news, data))
        if news.entry.kind is Kind.PAYMENT_UPDATE:
            return self._written(payment_update(news))
        return self._written(_notification(news, _with_date(data)))


def _id(request_id: str | None) -> Any:
    return UNSET if request_id is None else request_id


def payment_update(news: News) -> PaymentUpdate:
    """An entry about an expected payment as the message it is told by."""
    fields = json.decode(news.entry.body)
    return PaymentUpdate(**fields, timestamp=news.entry.at, position=str(news.position))


def _notification(news: News, data: Any) -> Notification:
    entry = news.entry
    return Notification(notification_type=entry.kind.value, data=data, timestamp=entry.at, position=str(news.position))


def _block(news: News, data: dict[str, Any]) -> BlockNotification:
    """A block as version 1.0 names it; the time is the block's."""
    return BlockNotification(
        block_height=data["block_height"],
        block_hash=data["block_hash"],
        timestamp=data["timestamp"],
        position=str(news.position),
    )


def _dated(value: Any) -> Any:
    """Our own values with each ``timestamp`` as a date; what clients wrote (plain objects) stays as it is."""
    if isinstance(value, Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return _with_date({name: _dated(field) for name, field in fields if field is not UNSET})
    return [_dated(item) for item in value] if isinstance(value, tuple) else value


def _with_date(fields: dict[str, Any]) -> dict[str, Any]:
    time = fields.get("timestamp")
    return {**fields, "timestamp": iso(time)} if isinstance(time, int | float) else fields


def iso(seconds: float) -> str:
    """A time since the epoch as ISO-8601, in UTC, to the second: ``2024-01-01T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
