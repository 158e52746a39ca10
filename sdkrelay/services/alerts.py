"""Watches the figures of the relay and alarms its operators: subscribers of ``alerts``, the log, and a webhook.

An alert is told live and kept nowhere: who subscribes hears at once of those that fire, so nobody needs what was told before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from attrs import define, field, frozen
from msgspec import UNSET, structs
from twisted.logger import Logger, LogLevel

from ..config.alerting import Alerts
from ..domain.alert import DEFAULT_RULES, AlertRule, AlertState, Standing
from ..domain.expression import Condition, ConditionError, parse_condition
from ..domain.figure import Value
from ..domain.notification import Topic
from ..domain.problem import Code, Problem, invalid
from ..messages.bulletin import Bulletin
from ..messages.catalog import encode
from ..messages.native.alerts import Alert, AlertConfig
from ..messages.native.config import ConfigUpdated
from ..messages.rest.alerts import AlertList, AlertReport, GetAlerts
from ..ports import Caller, Cancelled, Clock, Store, Tasks
from .handshake import Identity
from .hub import Hub
from .router import handles

log = Logger()

#: Where the rules that operators gave are kept, and how many there may be.
FACT, MOST = "alerts", 100
_BUILT_IN = {rule.alert_id: rule for rule in DEFAULT_RULES}
_LEVELS = {"info": LogLevel.info, "warning": LogLevel.warn, "critical": LogLevel.critical}


@define(eq=False)
class _Watched:
    """A rule with its condition, how it stands, and the condition's figures at the last look."""

    rule: AlertRule
    condition: Condition
    standing: Standing
    values: dict[str, Value] = field(factory=dict)

    def look(self, values: Mapping[str, Value]) -> bool:
        """Take the figures in; whether the condition holds."""
        self.values = {figure.name: values.get(figure.name) for figure in self.condition.figures()}
        return self.condition.holds(values)

    @property
    def firing(self) -> bool:
        """Whether its alert fires now."""
        return self.standing.state is AlertState.FIRING

    def words(self) -> str:
        """The figures in a sentence."""
        return "; ".join(figure.sentence(self.values.get(figure.name)) for figure in self.condition.figures())


@frozen
class Around:
    """What the service has of the world: the store, the hub, tasks and the clock, and whom it calls (with a whole message)."""

    store: Store
    hub: Hub
    tasks: Tasks
    clock: Clock
    call: Callable[[bytes], None]


class AlertService:
    """Answers ``alert_config`` and ``/alerts``; looks at the figures from :meth:`watch` on. ``settings`` are those in force."""

    def __init__(
        self,
        identity: Identity,
        read: Callable[[], Mapping[str, Value]],
        settings: Callable[[], Alerts],
        around: Around,
    ) -> None:
        self._identity = identity
        self._read = read
        self._settings = settings
        self._around = around
        self._turn = around.tasks.lock()
        self._own: dict[str, AlertRule] = {}
        self._watched: dict[str, _Watched] = {}
        around.hub.on_listen.append(self._welcome)

    async def load(self) -> None:
        """Know again what operators said; a rule that this version does not understand is left out, and the log says so."""
        kept = await self._around.store.meta(FACT)
        rules = msgspec.json.decode(kept or "[]", type=list[AlertRule])
        self._own = {rule.alert_id: rule for rule in rules}
        for rule in {**_BUILT_IN, **self._own}.values():
            self._load(rule)

    def _load(self, rule: AlertRule) -> None:
        try:
            self._watched[rule.alert_id] = self._new(rule, parse_condition(rule.condition))
        except ConditionError as error:
            log.error("alert {alert_id} is not watched: {why}", alert_id=rule.alert_id, why=str(error))

    @property
    def active(self) -> int:
        """How many fire now."""
        return sum(watched.firing for watched in self._watched.values())

    async def watch(self) -> None:
        """Look again and again, until cancelled; a failure is logged."""
        while True:
            await self._around.tasks.sleep(self._settings().interval)
            try:
                await self.look()
            except Cancelled:
                raise
            except Exception:
                log.failure("the figures for alerts could not be read")

    async def look(self) -> None:
        """Judge every condition by the figures as they are now, and tell what has changed."""
        values = self._read()
        changed = [
            watched for watched in self._watched.values() if watched.rule.enabled and self._judge(watched, values)
        ]
        for watched, alert in [(watched, self._alert(watched, watched.firing)) for watched in changed]:
            await self._tell(watched.rule, alert)

    def _judge(self, watched: _Watched, values: Mapping[str, Value]) -> bool:
        """Whether it began or ceased to fire."""
        clock, before = self._around.clock, watched.firing
        holds, delays = watched.look(values), self._delays(watched.rule)
        watched.standing = watched.standing.judged(holds, delays, clock.monotonic(), clock.now())
        return watched.firing is not before

    async def _tell(self, rule: AlertRule, alert: Alert) -> None:
        """The log first, then who waits elsewhere, then subscribers."""
        around, at = self._around, self._around.clock.now()
        level = _LEVELS[rule.severity] if alert.status == "firing" else LogLevel.info
        log.emit(
            level,
            "alert {alert_id} {status}: {words}",
            alert_id=rule.alert_id,
            status=alert.status,
            words=alert.message,
        )
        around.call(encode(structs.replace(alert, timestamp=int(at))))
        await around.hub.broadcast(Topic.ALERTS, Bulletin(alert, at))

    def _alert(self, watched: _Watched, firing: bool) -> Alert:
        rule = watched.rule
        return Alert(
            alert_id=rule.alert_id,
            severity=rule.severity,
            message=watched.words(),
            status="firing" if firing else "resolved",
            condition=rule.condition,
            values=watched.values,
            since=int(watched.standing.since),
            relay_id=self._identity.relay_id,
        )

    def _welcome(self, caller: Caller, topics: frozenset[Topic]) -> None:
        if Topic.ALERTS in topics:
            caller.beside("alerts that fire", self._tell_firing(caller))

    async def _tell_firing(self, caller: Caller) -> None:
        at = self._around.clock.now()
        for watched in tuple(self._watched.values()):
            if watched.firing:
                self._around.hub.push(Topic.ALERTS, Bulletin(self._alert(watched, True), at), caller)

    @handles(AlertConfig)
    async def configure(self, request: AlertConfig, caller: Caller) -> ConfigUpdated:
        """Watch in another way; kept before it holds."""
        async with self._turn:
            before = self._rule(request.alert_id)
            own = {name: rule for name, rule in self._own.items() if name != request.alert_id}
            if not request.remove:
                own[request.alert_id] = _merged(before, request)
            elif before is None:
                raise Problem(Code.NOT_FOUND, "there is no such alert", field="alert_id", value=request.alert_id)
            rule = own.get(request.alert_id) or _BUILT_IN.get(request.alert_id)
            condition = parsed(rule.condition) if rule else None
            await self._keep(own)
            await self._exchange(request.alert_id, rule, condition)
        return self._updated(request.alert_id, before, rule)

    def _rule(self, alert_id: str) -> AlertRule | None:
        return self._own.get(alert_id) or _BUILT_IN.get(alert_id)

    async def _keep(self, own: dict[str, AlertRule]) -> None:
        """Write them down; only then do they hold."""
        if len(own) > MOST:
            raise Problem(Code.LIMIT_EXCEEDED, f"at most {MOST} alerts: remove one first", limit=MOST)
        if own != self._own:
            await self._around.store.set_meta(FACT, msgspec.json.encode(list(own.values())).decode())
            self._own = own

    async def _exchange(self, alert_id: str, rule: AlertRule | None, condition: Condition | None) -> None:
        """Watch by another rule: the same condition stands as it stood, a fire that nobody watches any more is over."""
        old = self._watched.pop(alert_id, None)
        goes_on = old is not None and rule is not None and rule.enabled and rule.condition == old.rule.condition
        if rule is not None and condition is not None:
            self._watched[alert_id] = watched = self._new(rule, condition)
            if old is not None and goes_on:
                watched.standing, watched.values = old.standing, old.values
        if old is not None and old.firing and not goes_on:
            await self._tell(old.rule, self._alert(old, False))

    def _new(self, rule: AlertRule, condition: Condition) -> _Watched:
        return _Watched(rule, condition, Standing(AlertState.OK, self._around.clock.now()))

    def _updated(self, alert_id: str, before: AlertRule | None, after: AlertRule | None) -> ConfigUpdated:
        old, new = ({} if rule is None else structs.asdict(rule) for rule in (before, after))
        changes = tuple(
            f"alerts.{alert_id}.{key}: {_word(old.get(key))} -> {_word(new.get(key))}"
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        )
        return ConfigUpdated(config=AlertConfig.wire_name(), settings=new, changes=changes)

    @property
    def own(self) -> tuple[AlertRule, ...]:
        """The rules that operators gave, in the order of giving."""
        return tuple(self._own.values())

    async def restore(self, rule: AlertRule) -> bool:
        """Watch by a rule of another relay; False, and nothing changes, if there is one of its name or no room.

        Problem for one whose condition is none.
        """
        condition = parsed(rule.condition)
        async with self._turn:
            if rule.alert_id in self._own or len(self._own) >= MOST:
                return False
            await self._keep({**self._own, rule.alert_id: rule})
            await self._exchange(rule.alert_id, rule, condition)
            return True

    @handles(GetAlerts)
    async def alerts(self, request: GetAlerts, caller: Caller) -> AlertList:
        """All of them, by name."""
        reports = tuple(self._report(watched) for _, watched in sorted(self._watched.items()))
        return AlertList(alerts=reports, total=len(reports), firing=self.active)

    def _report(self, watched: _Watched) -> AlertReport:
        rule, (fire_after, clear_after) = watched.rule, self._delays(watched.rule)
        delays = {"fire_after": fire_after, "clear_after": clear_after}
        return AlertReport(
            **{**structs.asdict(rule), **delays},
            state=watched.standing.state.value if rule.enabled else "disabled",
            since=int(watched.standing.since),
            values={figure.name: watched.values.get(figure.name) for figure in watched.condition.figures()},
            message=watched.words(),
        )

    def _delays(self, rule: AlertRule) -> tuple[int, int]:
        usual = self._settings()
        return (
            usual.fire_after if rule.fire_after is None else rule.fire_after,
            usual.clear_after if rule.clear_after is None else rule.clear_after,
        )


def _merged(before: AlertRule | None, request: AlertConfig) -> AlertRule:
    """The rule that was, changed by what the request names; VALIDATION_ERROR for a new one without a condition."""
    sent = structs.asdict(request)
    named = {key: sent[key] for key in AlertRule.__struct_fields__ if sent[key] is not UNSET}
    if before is None and "condition" not in named:
        raise invalid("condition", "a condition, since there is no such alert yet")
    return AlertRule(**{**(structs.asdict(before) if before else {}), **named})


def parsed(text: str) -> Condition:
    """The condition in a text. VALIDATION_ERROR with the position for anything that is none."""
    try:
        return parse_condition(text)
    except ConditionError as error:
        problem = invalid("condition", error.expected, f"condition, {error}", text)
        problem.details["position"] = error.position
        raise problem from None


def _word(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
