"""The languages a conversation can be in: how each reads requests and writes answers, refusals and news."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, structs

from ..domain.news import News
from ..domain.notification import Kind
from ..domain.problem import Problem
from ..messages.bulletin import Bulletin
from ..messages.catalog import Catalog, encode
from ..messages.message import Message, Reply, Request
from ..messages.native.payments import PaymentUpdate
from ..messages.native.session import Error
from ..messages.native.subscription import Notification


class Dialect(Protocol):
    """One language of the socket."""

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

    def decode(self, frame: bytes) -> Request:
        return self._catalog.decode(frame)

    def message(self, message: Message, now: float) -> bytes:
        return encode(structs.replace(message, timestamp=int(now)) if isinstance(message, Reply) else message)

    def answer(self, reply: Reply, request: Request, now: float) -> bytes:
        return encode(structs.replace(reply, id=_id(request.id), timestamp=int(now)))

    def refusal(self, problem: Problem, request_id: str | None) -> bytes:
        error = Error(
            id=_id(request_id), error_code=problem.code.value, message=problem.message, details=problem.details
        )
        return encode(error)

    def news(self, news: News | Bulletin) -> bytes:
        if isinstance(news, Bulletin):
            return news.written(self.name, self.message)
        return news.written(self.name, _notification)


def _id(request_id: str | None) -> Any:
    return UNSET if request_id is None else request_id


def payment_update(news: News) -> PaymentUpdate:
    """An entry about an expected payment as the message it is told by."""
    fields = msgspec.json.decode(news.entry.body)
    return PaymentUpdate(**fields, timestamp=news.entry.at, position=str(news.position))


def _notification(news: News) -> bytes:
    entry = news.entry
    if entry.kind is Kind.PAYMENT_UPDATE:
        return encode(payment_update(news))
    return encode(
        Notification(
            notification_type=entry.kind.value,
            data=Raw(entry.body),
            timestamp=entry.at,
            position=str(news.position),
        )
    )
