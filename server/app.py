"""The parts list: everything is built, wired and closed here, in the order of the way of the data."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from channels.hub import Hub
from channels.pubsub import Bus, ClusterBus, open_bus
from channels.sender import Sender, open_sender
from channels.supervisor import stop, supervise
from server.accounts import routes as accounts_routes
from server.accounts.sessions import Sessions, bound_key
from server.bookings import routes as bookings_routes
from server.bookings import transfers_routes
from server.bookings.announcer import Announcer
from server.bookings.booked import PostgresBooked
from server.bookings.lost import LostHolds
from server.bookings.rates_file import FileRates
from server.bookings.service import Bookings
from server.bookings.transfers import Transfers
from server.database.pool import Database
from server.holds import routes as holds_routes
from server.holds.client import connect
from server.holds.events import SESSIONS_CHANNEL
from server.holds.keeper import Keeper
from server.holds.passing import Passing
from server.holds.returning import Returns
from server.holds.service import Holds
from server.http.middleware import middleware
from server.http.pages import Pages
from server.http.problems import exception_handlers
from server.http.routing import IndexedRouter
from server.http.static_files import StaticTree, static_routes
from server.inventory import routes as inventory_routes
from server.inventory.service import Inventory
from server.live import routes as live_routes
from server.live.door import FrontDoor
from server.live.layouts import InventoryLayouts
from server.live.notices import LiveNotices
from server.live.sessions import LiveSessions, NotificationsHook
from server.notices import push_routes, webhook_routes
from server.notices import routes as notices_routes
from server.notices.channels.senders import Senders, senders
from server.notices.expired import ExpiredCarts
from server.notices.figures import NoticeFigures
from server.notices.news import CHANNEL as NOTICES_CHANNEL
from server.notices.news import Newsman
from server.notices.pushes import Pushes
from server.notices.service import Notices
from server.notices.webhook_endpoints import WebhookEndpoints
from server.ops import fault_points, health, metrics
from server.ops.counting import Counting
from server.ops.fault_points import FaultPoints
from server.ops.limits import Limits
from server.ops.metrics import Metrics
from server.payments import earnings, webhook
from server.payments import routes as payments_routes
from server.payments.figures import PaymentFigures
from server.payments.links import PayLinks
from server.payments.served import Served, payment_providers
from server.payments.service import Payments
from server.settings import Settings
from server.specification import routes as specification_routes
from server.times import now_milliseconds
from server.worker import with_the_others

STATIC = Path(__file__).parent.parent / "static"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One process' parts, as the routes reach them. `checks` say which servers it can do its work with."""

    settings: Settings
    database: Database
    redis: Redis
    bus: Bus | ClusterBus
    inventory: Inventory
    holds: Holds
    keeper: Keeper
    bookings: Bookings
    payments: Payments
    transfers: Transfers
    sessions: Sessions
    returns: Returns
    limits: Limits
    handshakes: Counting
    hub: Hub
    live: LiveSessions
    notices: Notices
    inbox: LiveNotices
    expired: ExpiredCarts
    pushes: Pushes
    webhooks: WebhookEndpoints
    metrics: Metrics

    @property
    def draining(self) -> bool:
        """Whether the process is on its way out."""
        return self.live.pulse.draining

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        """What `/readyz` asks."""
        return {"redis": self._redis_answers, "postgresql": self._database_answers, "pubsub": self._hears}

    async def _redis_answers(self) -> bool:
        return bool(await self.redis.ping())

    async def _database_answers(self) -> bool:
        async with self.database.connection() as connection:
            return bool(await connection.fetchval("select true"))

    async def _hears(self) -> bool:
        return self.bus.healthy

    async def drain(self) -> None:
        """Keep the holds alive and send the sockets elsewhere."""
        try:
            await self.keeper.drain()
        finally:
            await self.live.drain()


def create_app(settings: Settings) -> Starlette:
    """The whole application; its lifespan opens and closes everything."""
    tree = StaticTree(STATIC)
    figures = Metrics()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_parts(settings, figures) as parts:
            app.state.parts = parts
            yield

    pages = Pages(tree, settings)
    app = Starlette(
        routes=[*api_routes(), *static_routes(tree), *pages.routes()],
        middleware=[
            Middleware(webhook.WebhookDoor),
            *middleware(settings, figures.count),
        ],
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )

    async def drain() -> None:
        await app.state.parts.drain()

    app.router = IndexedRouter(app.router)
    app.state.pages = pages
    app.state.settings = settings
    app.state.drain = drain
    app.state.door = FrontDoor(settings, app.state)
    return app


def api_routes() -> list[BaseRoute]:
    """Every room's routes."""
    return [
        *accounts_routes.routes,
        *inventory_routes.routes,
        *holds_routes.routes,
        *payments_routes.routes,
        *earnings.routes,
        *webhook.routes,
        *bookings_routes.routes,
        *transfers_routes.routes,
        *notices_routes.routes,
        *push_routes.routes,
        *webhook_routes.routes,
        *live_routes.routes,
        *health.routes,
        *metrics.routes,
        *specification_routes.routes,
    ]


@asynccontextmanager
async def open_parts(settings: Settings, figures: Metrics) -> AsyncIterator[Parts]:
    """Build the parts, start what runs by itself, and close all of it in the opposite order."""
    async with AsyncExitStack() as stack:
        faults = fault_points.from_environment(os.environ)
        database = await faults.connect(settings.database_url)
        stack.push_async_callback(database.close)
        redis = connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        served = payment_providers(settings)
        stack.push_async_callback(served.close)
        outside = senders(settings, database, figures=NoticeFigures(figures.registry))
        stack.push_async_callback(outside.close)
        sender = open_sender(by_ring=settings.io_uring == "yes")
        stack.callback(sender.close)
        parts = wire(
            settings, database, redis, figures, faults=faults, served=served, outside=outside, sender=sender
        )
        await start(parts, stack)
        yield parts


def wire(
    settings: Settings,
    database: Database,
    redis: Redis,
    figures: Metrics,
    *,
    faults: FaultPoints,
    served: Served,
    outside: Senders,
    sender: Sender,
) -> Parts:
    """Who knows whom. Nothing runs yet."""
    inventory = Inventory(database)
    scripts, process = faults.scripts(redis), token_hex(8)
    holds = Holds(redis, inventory, PostgresBooked(database), settings, process=process, scripts=scripts)
    inventory.on_change = holds.load_edited

    announcer = Announcer(scripts.command)
    provider = served.by_name.get(served.default)
    bookings = Bookings(
        database,
        holds,
        inventory,
        announcer,
        payment_seconds=settings.payment_seconds,
        rates=FileRates(Path(settings.rates_file)) if settings.rates_file else None,
        tolerance_percent=settings.quote_tolerance_percent,
        refuses=provider.refuses if provider else None,
    )
    bus = open_bus(settings.redis_url)
    keeper = Keeper(holds, hears=lambda: bus.healthy)
    returns = Returns(scripts, bound_key)
    live = LiveSessions(
        settings,
        holds=holds,
        inventory=inventory,
        keeper=keeper,
        indices=returns,
        bus=bus,
        booked=LostHolds(database).line_of,
        stale=lambda: hub.stale,
        shown=lambda resource: hub.shown(resource),  # noqa: PLW0108  # the hub is built after them
        sender=sender,
    )
    notices = Notices(database, Newsman(redis), senders=outside.by_channel)
    bookings.on_commit(notices.wake)
    inbox = LiveNotices(live.table, notices)
    live.inbox, notices.newsman.here = inbox, inbox.hear
    sessions, limits = Sessions(settings, redis), Limits(settings, redis)
    sessions.on_bound, sessions.user_of = bookings.adopt, bookings.user_of
    sessions.read = partial(scripts.command, "GET")
    notifications = NotificationsHook(live.table)
    hooks = {"notifications": notifications}
    hub = Hub(holds, InventoryLayouts(inventory), bus, hooks=hooks, sender=sender)
    parts = Parts(
        settings=settings,
        database=database,
        redis=redis,
        bus=bus,
        inventory=inventory,
        holds=holds,
        keeper=keeper,
        bookings=bookings,
        payments=Payments(
            database,
            bookings,
            providers=faults.providers(served.by_name),
            default=served.default,
            offered=served.offered,
            links=PayLinks(secret_key=settings.secret_key, public_url=settings.public_url),
            figures=PaymentFigures(figures.registry),
            circuit=served.circuit,
            most_items=settings.max_hold_items,
        ),
        transfers=Transfers(database, bookings),
        sessions=sessions,
        returns=returns,
        limits=limits,
        handshakes=Counting(limits, "address"),
        hub=hub,
        live=live,
        notices=notices,
        inbox=inbox,
        expired=ExpiredCarts(database, inventory, sessions.bound_to, notices.wake),
        pushes=Pushes(database, outside.outgoing, outside.vapid, now_milliseconds),
        webhooks=WebhookEndpoints(database, outside.outgoing, now_milliseconds),
        metrics=figures,
    )
    watch(parts)
    figures.gauge("io_uring", "1 while ticks' frames go out by io_uring.", lambda: sender.by_ring)
    figures.gauge(
        "delivery_providers_away", "Mail servers and gateways that are passed over.", lambda: outside.away
    )
    return parts


def watch(parts: Parts) -> None:
    """What the figures read from the parts."""
    parts.metrics.gauge(
        "tasks", "Tasks of the event loop that are not done.", lambda: len(asyncio.all_tasks())
    )
    parts.metrics.gauge("sockets", "Open sockets.", lambda: len(parts.live.pulse.sockets))
    parts.metrics.gauge("commands_waiting", "Sockets that wait for a turn.", lambda: parts.live.turns.waiting)
    parts.metrics.gauge("resources_followed", "Resources with a replica.", lambda: len(parts.hub.resources))
    parts.metrics.gauge("stale", "1 while maps may be old.", lambda: parts.hub.stale)
    parts.metrics.gauge("pubsub_healthy", "1 while messages really arrive.", lambda: parts.bus.healthy)
    parts.metrics.gauge(
        "webhook_dead_letters",
        "Events that were given up and wait for a person.",
        lambda: parts.payments.inbox.standing.dead,
    )
    parts.metrics.gauge(
        "delivery_dead_letters",
        "Messages that were given up and wait for a person.",
        lambda: parts.notices.standing.dead,
    )
    parts.metrics.gauge(
        "deliveries_waiting", "Messages that are to go out.", lambda: parts.notices.standing.waiting
    )
    parts.metrics.gauge(
        "provider_available", "0 while nobody can begin to pay.", lambda: parts.payments.provider_available
    )
    parts.hub.staleness.on_stale(lambda _stale: parts.live.pulse.beat_soon())


async def start(parts: Parts, stack: AsyncExitStack) -> None:
    """Set everything going that nobody has to ask for."""
    for part in (parts.bus, parts.hub, parts.live):
        await part.start()
        stack.push_async_callback(part.close)
    parts.bus.on_gap(parts.keeper.may_have_missed)
    await parts.bus.subscribe(SESSIONS_CHANNEL, parts.keeper.hear)
    await parts.bus.subscribe(SESSIONS_CHANNEL, parts.expired.hear)
    parts.holds.store.on_expired(parts.expired.ended)
    parts.bus.on_gap(parts.inbox.may_have_missed)
    await parts.bus.subscribe(NOTICES_CHANNEL, parts.inbox.hear)
    stack.push_async_callback(parts.inventory.close)
    stack.push_async_callback(parts.sessions.close)
    stack.push_async_callback(parts.expired.close)
    loops: dict[str, Callable[[], Awaitable[None]]] = {
        "keeper": parts.keeper.run,
        "time of grids": Passing(parts.holds.loader, parts.inventory, lambda: parts.hub.resources).run,
        "changes of resources": parts.inventory.run,
        "notices of users": parts.inbox.run,
    }
    workers = [*parts.bookings.workers(), *parts.payments.workers()]
    workers += [*parts.notices.workers(), parts.expired.worker]
    loops |= {worker.name: partial(worker.run, with_the_others) for worker in workers}
    for name, run in loops.items():
        stack.push_async_callback(stop, asyncio.create_task(supervise(name, run), name=name))
