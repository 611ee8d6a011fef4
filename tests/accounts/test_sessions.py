"""Who is asking over HTTP: rows 95 and 97 to 99 of the bad inputs, and docs/people.md."""

import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route

from server.accounts.sessions import COOKIE, Sessions, bound_key
from server.accounts.tokens import SESSION_SECONDS
from server.errors import Unavailable
from server.http.endpoint import Answer, Call, endpoint
from tests.support.door import Clock, app_of, bearer, jwt_of, parts_of, visit
from tests.support.servers import Redis as RedisServer
from tests.support.servers import open_redis


async def who(call: Call) -> Answer:
    caller = call.caller
    return Answer({"session": caller.session, "user": caller.user, "roles": sorted(caller.roles)})


ROUTES = [
    Route("/who", endpoint(who), methods=["GET", "POST"]),
    Route("/anybody", endpoint(who, access="open")),
    Route("/users", endpoint(who, access="user")),
    Route("/operators", endpoint(who, roles=("operator",))),
]


@pytest.fixture
def app(redis: Redis) -> Starlette:
    return app_of(parts_of(redis), ROUTES)


async def test_a_session_is_opened_and_costs_no_storage(app: Starlette, redis: Redis) -> None:
    async with visit(app) as ann:
        answer = await ann.post("/api/sessions")
        assert answer.status_code == 201
        assert set(answer.json()) == {"session", "token", "csrf", "expires_at"}
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}={answer.json()['token']};")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
        assert (await ann.get("/who")).json()["session"] == answer.json()["session"]
    assert await redis.dbsize() == 0


async def test_the_cookie_is_secure_under_https(redis: Redis) -> None:
    app = app_of(parts_of(redis, public_url="https://tickets.example"), ROUTES)
    async with visit(app) as ann:
        assert "; Secure" in (await ann.post("/api/sessions")).headers["set-cookie"]


async def test_a_cookie_renews_its_session(redis: Redis) -> None:
    clock = Clock()
    async with visit(app_of(parts_of(redis, clock), ROUTES)) as ann:
        first = (await ann.post("/api/sessions")).json()
        clock.move(3600)
        second = (await ann.post("/api/sessions")).json()
        assert second["session"] == first["session"]
        assert second["csrf"] == first["csrf"]
        assert second["expires_at"] > first["expires_at"]


async def test_a_token_renews_its_session(app: Starlette) -> None:
    async with visit(app) as ann, visit(app) as program:
        first = (await ann.post("/api/sessions")).json()
        second = await program.post("/api/sessions", headers=bearer(first["token"]))
        assert second.json()["session"] == first["session"]


async def test_an_expired_cookie_is_nobody_and_an_expired_token_says_so(redis: Redis) -> None:
    clock = Clock()
    async with visit(app_of(parts_of(redis, clock), ROUTES)) as ann:
        first = (await ann.post("/api/sessions")).json()
        clock.move(SESSION_SECONDS)
        assert (await ann.get("/anybody")).json()["session"] == ""
        assert (await ann.get("/who")).json()["code"] == "token_expired"
        refused = await ann.get("/anybody", headers=bearer(first["token"]))
        assert (refused.status_code, refused.json()["code"]) == (401, "token_expired")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await ann.post("/api/sessions")).json()["session"] != first["session"]


async def test_nobody_gets_no_further(app: Starlette) -> None:
    async with visit(app) as nobody:
        assert (await nobody.get("/who")).status_code == 401
        assert (await nobody.get("/anybody")).status_code == 200


async def test_a_user_without_a_session(app: Starlette) -> None:
    async with visit(app) as ann:
        found = (await ann.get("/who", headers=bearer(jwt_of("ann")))).json()
        assert found == {"session": "", "user": "ann", "roles": ["buyer"]}


async def test_a_user_opens_a_session_of_their_own(app: Starlette, redis: Redis) -> None:
    async with visit(app) as ann:
        opened = (await ann.post("/api/sessions", headers=bearer(jwt_of("ann")))).json()
        assert await redis.get(bound_key(opened["session"])) == b"ann"
        found = (await ann.get("/who", headers=bearer(jwt_of("ann"), opened["token"]))).json()
        assert (found["session"], found["user"]) == (opened["session"], "ann")


async def test_86_and_99_a_bound_session_opens_by_its_token_no_more(app: Starlette, redis: Redis) -> None:
    async with visit(app) as ann, visit(app) as thief:
        token = (await ann.post("/api/sessions")).json()["token"]
        assert (await thief.get("/who", headers=bearer(token))).status_code == 200
        assert (await ann.get("/who", headers=bearer(jwt_of("ann"), token))).status_code == 200
        refused = await thief.get("/who", headers=bearer(token))
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert (await ann.get("/who")).status_code == 401
        assert (await ann.get("/anybody")).json()["session"] == ""
        foreign = await thief.get("/who", headers=bearer(jwt_of("ben"), token))
        assert (foreign.status_code, foreign.json()["code"]) == (401, "unauthorized")
        assert (await ann.get("/who", headers=bearer(jwt_of("ann"), token))).status_code == 200
        await redis.flushall()
        renewed = (await ann.post("/api/sessions", headers=bearer(jwt_of("ann"), token))).json()
        await redis.flushall()
        assert (await thief.get("/who", headers=bearer(renewed["token"]))).status_code == 401


async def test_roles_narrow(app: Starlette) -> None:
    async with visit(app) as somebody:
        await somebody.post("/api/sessions")
        assert (await somebody.get("/users")).status_code == 401
        assert (await somebody.get("/operators")).status_code == 401
        assert (await somebody.get("/users", headers=bearer(jwt_of("ann")))).status_code == 200
        assert (await somebody.get("/operators", headers=bearer(jwt_of("ann")))).status_code == 403
        operator = bearer(jwt_of("olga", roles=("operator",)))
        assert (await somebody.get("/operators", headers=operator)).status_code == 200


async def test_95_two_of_a_header_are_a_bad_request(app: Starlette) -> None:
    async with visit(app) as ann:
        token = (await ann.post("/api/sessions")).json()["token"]
        twice = [("Authorization", f"Bearer {token}")] * 2
        assert (await ann.get("/who", headers=twice)).status_code == 400
        sessions = [("Authorization", f"Bearer {jwt_of('ann')}"), *[("Holdfast-Session", token)] * 2]
        assert (await ann.get("/who", headers=sessions)).status_code == 400
        assert (await ann.get("/who", headers=bearer(token, token))).status_code == 400


@pytest.mark.parametrize("value", ["Basic YW5uOmFubg==", "Bearer", "Bearer ", "Bearer x", "holdfast1.x"])
async def test_another_authorization_is_refused(app: Starlette, value: str) -> None:
    async with visit(app) as ann:
        assert (await ann.get("/who", headers={"Authorization": value})).status_code == 401
        assert (await ann.get("/anybody", headers={"Authorization": value})).status_code == 401


@pytest.mark.parametrize(
    "cookie", ["holdfast_session=x", "holdfast_session", "=;;;\x7f", 'holdfast_session="', "a=b"]
)
async def test_a_cookie_of_no_use_is_nobody(app: Starlette, cookie: str) -> None:
    async with visit(app) as ann:
        assert (await ann.get("/who", headers={"Cookie": cookie})).status_code == 401
        assert (await ann.get("/anybody", headers={"Cookie": cookie})).status_code == 200


async def test_other_cookies_do_not_hide_ours(app: Starlette) -> None:
    async with visit(app) as ann, visit(app) as other:
        token = (await ann.post("/api/sessions")).json()["token"]
        header = f"odd,name@=1; {COOKIE}={token}; {COOKIE}=x; =; lonely"
        assert (await other.get("/who", headers={"Cookie": header})).status_code == 200


async def test_no_token_is_taken_from_the_address(app: Starlette) -> None:
    async with visit(app) as ann, visit(app) as other:
        token = (await ann.post("/api/sessions")).json()["token"]
        assert (await other.get("/who", params={"token": token, "access_token": token})).status_code == 401


async def test_while_redis_is_away_open_reads_go_on(spare_redis: RedisServer) -> None:
    async with open_redis(spare_redis.url) as redis:
        app = app_of(parts_of(redis), ROUTES)
        async with visit(app) as ann:
            await ann.post("/api/sessions")
            spare_redis.stop()
            assert (await ann.get("/anybody")).json()["session"] == ""
            by_token = await ann.get("/anybody", headers=bearer(ann.cookies[COOKIE]))
            assert by_token.json()["session"] == ""
            renewed = await ann.post("/api/sessions")
            assert (renewed.status_code, "set-cookie" in renewed.headers) == (503, False)
            refused = await ann.get("/who")
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["retry-after"]) >= 1
        with pytest.raises(Unavailable):
            await app.state.parts.sessions.bound_to("A" * 22)


async def test_a_text_client_of_redis_does_as_well(redis_url: str, redis: Redis) -> None:
    await redis.set(bound_key("A" * 22), "ann")
    text = Redis.from_url(redis_url, decode_responses=True)
    try:
        assert await Sessions(parts_of(redis).settings, text).bound_to("A" * 22) == "ann"
    finally:
        await text.aclose()
