"""Figures for Prometheus. Labels are routes, methods and statuses of ours alone: their number is bounded."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5)
Reading = Callable[[], float]


class Metrics:
    """One process' figures. Gauges are read when they are asked for; nobody keeps them up to date."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges = _Gauges()
        self.registry.register(self._gauges)
        self.requests = Counter(
            "holdfast_http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "holdfast_http_request_seconds",
            "Seconds from a request to its answer.",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        # Found by their labels each time, they would cost more than to be counted.
        self._of_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """One answer, by its route's pattern, never by the path it was asked for."""
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (method, route, status)
        if key not in self._of_route:
            counter = self.requests.labels(method, route, str(status))
            self._of_route[key] = counter, self.seconds.labels(route)
        counter, histogram = self._of_route[key]
        counter.inc()
        histogram.observe(seconds)

    def gauge(self, name: str, meaning: str, read: Reading) -> None:
        """Add `holdfast_<name>`; a later one of the same name takes its place."""
        self._gauges.readings[name] = (meaning, read)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self) -> None:
        self.readings: dict[str, tuple[str, Reading]] = {}

    def collect(self) -> Iterable[Metric]:
        for name, (meaning, read) in self.readings.items():
            yield GaugeMetricFamily(f"holdfast_{name}", meaning, read())


async def _metrics(request: Request) -> Response:
    """The process' figures in Prometheus' text format."""
    text = request.app.state.parts.metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4")


routes = [Route("/metrics", _metrics, methods=["GET"])]
