"""The service in Python: FastAPI with cashews, one worker of uvicorn.

`python service.py FORM LOAD_MS [REDIS_URL]` prints its address. The forms are `values` (cashews' decorator on the
handler, as its README shows it), `bytes` (the bytes of the answer are cached) and `etag` (with cashews' middleware for
`ETag`). One caller of a process loads by default; `lock=True` would be for several processes. Over Redis, cashews keeps
its client-side cache in memory.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import threading

import uvicorn
from cashews import cache
from cashews.contrib.fastapi import CacheEtagMiddleware
from fastapi import FastAPI, Response

FORM = sys.argv[1]
TAKES = int(sys.argv[2]) / 1000
REDIS = sys.argv[3] if len(sys.argv) > 3 else None

ROWS = 30
TITLES = [
    "Senior Systems Engineer",
    "Data Analyst, Logistics",
    "Site Reliability Engineer",
    "Backend Developer (Rust)",
    "Head of Customer Support",
    "Machine Learning Engineer",
    "Technical Writer, Platform",
]
PLACES = ["Copenhagen, Denmark", "Lisbon, Portugal", "Toronto, Canada", "Remote, Europe", "Nairobi, Kenya"]
TAGS = ["rust", "postgres", "remote", "senior", "linux", "oncall"]

versions = [1] * 100
loads = 0


def row(id, version):
    n = id * 7919 % 100_003 + version
    return {
        "id": id,
        "title": TITLES[n % 7],
        "company": f"Company number {n % 9973}",
        "location": PLACES[n % 5],
        "salary": {"from": 40_000 + n % 30_000, "to": 80_000 + n % 50_000, "currency": "EUR"},
        "tags": [TAGS[(n + tag) % 6] for tag in range(4)],
        "created": f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00Z",
    }


async def load(group, page):
    """The database: reads the version first and answers later."""
    global loads
    loads += 1
    version = versions[group]
    await asyncio.sleep(TAKES)
    rows = [row((group * 100 + page) * ROWS + i, version) for i in range(ROWS)]
    return {"version": version, "group": group, "page": page, "rows": rows}


# Time-outs as in its README; errors of Redis are suppressed, which is its default.
if REDIS:
    cache.setup(REDIS, client_side=True, socket_connect_timeout=0.1)
else:
    cache.setup("mem://?check_interval=10&size=20000")
logging.getLogger("cashews").setLevel(logging.CRITICAL)  # else it logs a traceback for every command that fails

app = FastAPI()
if FORM == "etag":
    cache.setup("mem://?check_interval=10&size=20000", prefix="fastapi:")
    app.add_middleware(CacheEtagMiddleware)

if FORM == "bytes":

    @cache(ttl="1h", key="jobs:{group}:{page}")
    async def text(group: int, page: int):
        value = await load(group, page)
        return json.dumps(value, separators=(",", ":")).encode()

    @app.get("/jobs/{group}/{page}")
    async def read(group: int, page: int):
        return Response(await text(group, page), media_type="application/json")

else:

    @app.get("/jobs/{group}/{page}")
    @cache(ttl="1h", key="jobs:{group}:{page}")
    async def read(group: int, page: int):
        return await load(group, page)


@app.post("/jobs/{group}")
async def write(group: int):
    versions[group] += 1
    version = versions[group]
    await cache.delete_match(f"jobs:{group}:*")
    return version


@app.get("/loads")
async def count():
    return loads




def end_with_the_bench():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_the_bench, daemon=True).start()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
print("{}:{}".format(*listener.getsockname()), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listener])
