"""The one registry of metrics: the port ``Meter`` over prometheus_client, and its texts for scrapers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import nan
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge as PrometheusGauge
from prometheus_client import Histogram as PrometheusHistogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.openmetrics import exposition
from prometheus_client.registry import Collector

from ...domain.measure import COUNTED, Counter, Gauge, Measure, Timing

__all__ = ["RegistryMeter"]

#: Upper bounds in seconds: from a cached answer to a request that is about to be given up.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RegistryMeter:
    """Counts in a registry of its own; a count costs less than a microsecond once its labels have been seen."""

    def __init__(self) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._metrics: dict[Measure, Any] = {measure: self._made(measure) for measure in COUNTED}
        self._children: dict[tuple[Measure, tuple[str, ...]], Any] = {}

    def _made(self, measure: Measure) -> Any:
        if isinstance(measure, Timing):
            return PrometheusHistogram(
                measure.name, measure.about, measure.labels, buckets=BUCKETS, registry=self._registry
            )
        return PrometheusCounter(measure.name, measure.about, measure.labels, registry=self._registry)

    def _child(self, measure: Measure, labels: tuple[str, ...]) -> Any:
        child = self._children.get((measure, labels))
        if child is None:
            metric = self._metrics[measure]
            child = self._children[measure, labels] = metric.labels(*labels) if labels else metric
        return child

    def count(self, measure: Counter, *labels: str, by: int = 1) -> None:
        """It happened, so many times more."""
        self._child(measure, labels).inc(by)

    def time(self, measure: Timing, seconds: float, *labels: str) -> None:
        """It happened, and took so long."""
        self._child(measure, labels).observe(max(seconds, 0.0))

    def follow(self, measure: Gauge, value: Callable[[], float | None]) -> None:
        """Ask for this value whenever the metrics are read; a name that ends in ``_total`` is shown as a counter."""
        if measure.name.endswith("_total"):
            self._registry.register(_Followed(measure, value))
            return
        gauge = PrometheusGauge(measure.name, measure.about, registry=self._registry)
        gauge.set_function(lambda: _number(value()))

    def total(self, measure: Counter, **labels: str) -> int:
        """What was counted under these labels, all others together."""
        return int(self._sum(measure, "_total", labels))

    def mean(self, measure: Timing, **labels: str) -> float | None:
        """The mean in seconds since the process began; None if it never happened."""
        count = self._sum(measure, "_count", labels)
        return self._sum(measure, "_sum", labels) / count if count else None

    def _sum(self, measure: Measure, suffix: str, labels: Mapping[str, str]) -> float:
        samples = (sample for metric in self._metrics[measure].collect() for sample in metric.samples)
        return sum(
            float(sample.value)
            for sample in samples
            if sample.name.endswith(suffix) and labels.items() <= sample.labels.items()
        )

    def text(self, form: str) -> bytes:
        """Everything, as ``text`` (Prometheus) or ``openmetrics``."""
        write = exposition.generate_latest if form == "openmetrics" else generate_latest
        return bytes(write(self._registry))


class _Followed(Collector):
    """A counter that somebody else keeps."""

    def __init__(self, measure: Gauge, value: Callable[[], float | None]) -> None:
        self._measure = measure
        self._value = value

    def collect(self) -> Iterable[Metric]:
        name = self._measure.name.removesuffix("_total")
        yield CounterMetricFamily(name, self._measure.about, value=_number(self._value()))


def _number(value: float | None) -> float:
    return nan if value is None else float(value)
