"""Prometheus metrics of the server: its requests, and what the store and the queue hold."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosmos_workflow.server.server import Server

__all__ = ["MetricsMiddleware", "metrics_route"]


class StoreCollector(Collector):
    """Read when it is asked for, so that it tells of all who share the store."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterator[GaugeMetricFamily]:
        store = self._server.store
        runs = GaugeMetricFamily("cosmos_runs", "Runs by their state", labels=["state"])
        for state, count in store.counts().items():
            runs.add_metric([state], count)
        yield runs
        holders, waiting = store.queue.holders(), store.queue.waiting()
        yield GaugeMetricFamily("cosmos_runs_driven", "Runs that a worker has now", value=len(holders))
        queued = sum(1 for run in waiting if run.id not in holders)
        yield GaugeMetricFamily("cosmos_runs_waiting", "Runs that wait for their place", value=queued)
        yield GaugeMetricFamily("cosmos_queue_paused", "1 while no run is begun", value=float(store.queue.paused))
        open_items = sum(run.open for run in waiting)
        yield GaugeMetricFamily(
            "cosmos_items_open", "Items of waiting and driven runs without an answer", value=open_items
        )


class MetricsMiddleware:
    """Times requests by their route's template, so that ids make no metric of their own."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        server.registry.register(StoreCollector(server))
        self._seconds = Histogram(
            "cosmos_request_seconds", "Requests by route, until their answer begins", ["method", "route", "status"],
            registry=server.registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                labels = scope["method"], route, str(message["status"])
                self._seconds.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, timed)


def metrics_route(request: Request) -> Response:
    """What Prometheus reads."""
    return Response(generate_latest(request.app.state.server.registry), media_type=CONTENT_TYPE_LATEST)
