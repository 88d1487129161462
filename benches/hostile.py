"""Hostile clients over raw sockets, and the normal request that has to be answered all the while. load.py prints what they tell."""
import asyncio
import contextlib
import json
import resource
import time
from types import SimpleNamespace

from service import Faultline

BODY = json.dumps({"error_message": "Last State: Terminated, Reason: OOMKilled"})
# A normal request has to be answered in this time while others misbehave.
MOST_MS = 1000


def post(key, body=BODY, length=None, more=""):
    length = len(body) if length is None else length
    return (f"POST /diagnose HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}").encode()


@contextlib.asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 20)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 5)


async def answered(reader, began):
    """The next answer of a connection: its status (0 = the connection ended) and how long it took since `began`."""
    status = 0
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.split("content-length: ")[1].split("\r\n")[0] if "content-length: " in head else "0"
        await reader.readexactly(int(length))
        status = int(head.split()[1])
    return SimpleNamespace(status=status, ms=(time.monotonic() - began) * 1000)


async def ask(port, key):
    """One normal request on a connection of its own."""
    began = time.monotonic()
    async with connected(port) as (reader, writer):
        writer.write(post(key))
        return await asyncio.wait_for(answered(reader, began), 60)


async def until_answered(port, key, seconds):
    began = time.monotonic()
    while (await ask(port, key)).status != 200:
        if time.monotonic() - began > seconds:
            return float("inf")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def storm(service, requests, at_once):
    """`requests` of one caller over `at_once` connections, as fast as they are answered."""
    left, told = iter(range(requests)), []

    async def client():
        async with connected(service.port) as (reader, writer):
            for _ in left:
                began = time.monotonic()
                writer.write(post(service.keys[0]))
                told.append(await answered(reader, began))

    await asyncio.gather(*(client() for _ in range(at_once)))
    return told


async def slow_storm(service, held):
    """`held` requests at once whose bodies take a while, so that they are all in work together; the last byte comes after the refusals."""
    async with contextlib.AsyncExitStack() as stack:
        open_now = [await stack.enter_async_context(connected(service.port)) for _ in range(held)]
        began = time.monotonic()
        for _, writer in open_now:
            writer.write(post(service.keys[0])[:-1])
        early = [asyncio.create_task(answered(reader, began)) for reader, _ in open_now]
        await asyncio.wait(early, timeout=1)
        for task, (_, writer) in zip(early, open_now):
            if not task.done():
                writer.write(b"}")
        return await asyncio.gather(*early)


class Watch:
    """Asks normally, four times a second, and remembers the worst."""

    def __init__(self, service):
        self.service, self.worst_ms, self.wrong, self.asked = service, 0.0, 0, 0

    async def __aenter__(self):
        self.task = asyncio.create_task(self.watch())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def watch(self):
        while True:
            try:
                told = await asyncio.wait_for(ask(self.service.port, self.service.keys[0]), 15)
            except (OSError, asyncio.TimeoutError):
                told = SimpleNamespace(status=0, ms=15_000)
            self.asked += 1
            self.wrong += told.status != 200
            self.worst_ms = max(self.worst_ms, told.ms)
            await asyncio.sleep(0.25)

    def told(self):
        return f"worst {self.worst_ms:.0f} ms of {self.asked}, {self.wrong} not", self.asked > 0 and self.wrong == 0 and self.worst_ms < MOST_MS


async def ends_within(reader, seconds):
    """How long until the service ends the connection. Infinite = it does not."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while await reader.read(1 << 16):
                    pass
    except TimeoutError:
        return float("inf")
    return time.monotonic() - began


async def drip(port, first, drop, seconds):
    """Sends `first`, then `drop` every half second, until the service has had enough."""
    async with connected(port) as (reader, writer):
        writer.write(first)

        async def dripping():
            with contextlib.suppress(ConnectionError):
                while True:
                    await asyncio.sleep(0.5)
                    writer.write(drop)
                    await writer.drain()

        dripping = asyncio.create_task(dripping())
        try:
            return await ends_within(reader, seconds)
        finally:
            dripping.cancel()


async def flood(port, first, chunk, seconds):
    """Sends `first`, then `chunk` without end. How many bytes were taken, what was answered, and how long it went on."""
    began, sent, status = time.monotonic(), 0, 0
    async with connected(port) as (reader, writer):
        writer.write(first)
        answer = asyncio.create_task(answered(reader, began))
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(seconds):
                while not answer.done():
                    writer.write(chunk)
                    sent += len(chunk)
                    await writer.drain()
        with contextlib.suppress(asyncio.TimeoutError):
            status = (await asyncio.wait_for(answer, 5)).status
    return status, sent, time.monotonic() - began


async def greedy(port, key, seconds):
    """Asks again and again for a large answer and takes none."""
    async with connected(port) as (reader, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n" * 400)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await asyncio.sleep(0.5)
            with contextlib.suppress(OSError):
                writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n")
            if writer.transport.is_closing():
                return time.monotonic() - began
    return float("inf")


async def one(port, sent, half_closed=False):
    async with connected(port) as (reader, writer):
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            writer.write(sent)
            if half_closed:
                writer.write_eof()
            await writer.drain()
        try:
            return (await asyncio.wait_for(answered(reader, began), 40)).status
        except asyncio.TimeoutError:
            return None


async def all_attacks(idle):
    """Rows of what, figure, target and whether it holds."""
    with Faultline(keys=1, settings={"RATE_LIMIT_REQUESTS": "0"}) as service:
        await ask(service.port, service.keys[0])
        descriptors, memory = service.descriptors(), service.resident_mib()
        yielded = []
        for attack in (idle_connections, slow, endless, malformed):
            async with Watch(service) as watch:
                await asyncio.sleep(0.3)
                yielded += await attack(service, idle) if attack is idle_connections else await attack(service)
            yielded.append((f"    normal requests during {attack.__name__.replace('_', ' ')}", watch.told()[0], f"< {MOST_MS} ms, all", watch.told()[1]))
        for _ in range(100):
            if service.descriptors() <= descriptors + 2:
                break
            await asyncio.sleep(0.1)
        last = await ask(service.port, service.keys[0])
        yielded.append(("afterwards: a normal request", f"{last.status} in {last.ms:.0f} ms", "200", last.status == 200))
        yielded.append(("    descriptors before and after", f"{descriptors}, {service.descriptors()}", "no more", service.descriptors() <= descriptors + 2))
        yielded.append(("    memory before, after and at most, MiB", f"{memory:.0f}, {service.resident_mib():.0f}, {service.peak_mib():.0f}", "< 512 at most", service.peak_mib() < 512))
        return yielded


async def idle_connections(service, wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    number = min(wanted, hard - 200)
    before = service.resident_mib()
    began, opened = time.monotonic(), []
    for first in range(0, number, 250):
        batch = (asyncio.open_connection("127.0.0.1", service.port) for _ in range(min(250, number - first)))
        opened += [one for one in await asyncio.gather(*batch, return_exceptions=True) if not isinstance(one, BaseException)]
    took = time.monotonic() - began
    await asyncio.sleep(1)
    held, grown = service.descriptors(), service.resident_mib() - before
    ended = await asyncio.gather(*(ends_within(reader, 45) for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    longest = max(ended) + 1
    return [(f"{number} idle connections, in {took:.1f} s: opened", f"{len(opened)}, {held} descriptors, +{grown:.0f} MiB", "all, < 200 MiB", len(opened) == number and grown < 200),
            ("    the last of them is closed after, s", f"{longest:.0f}", "< 40", longest < 40)]


async def slow(service):
    head = f"POST /diagnose HTTP/1.1\r\nhost: a\r\nx-api-key: {service.keys[0]}\r\nx-slow: ".encode()
    body = post(service.keys[0], body="{", length=5000)
    heads = [drip(service.port, head, b"a", 45) for _ in range(300)]
    bodies = [drip(service.port, body, b" ", 45) for _ in range(200)]
    takers = [greedy(service.port, service.keys[0], 45) for _ in range(20)]
    head_ends, body_ends, taker_ends = await asyncio.gather(*(asyncio.gather(*group) for group in (heads, bodies, takers)))
    return [("300 heads, a byte every half second: all ended after, s", f"{max(head_ends):.0f}", "< 35", max(head_ends) < 35),
            ("200 bodies, a byte every half second: all ended after, s", f"{max(body_ends):.0f}", "< 42", max(body_ends) < 42),
            ("20 clients that take no answer: all ended after, s", f"{max(taker_ends):.0f}", "< 40", max(taker_ends) < 40)]


async def endless(service):
    chunked = f"POST /diagnose HTTP/1.1\r\nhost: a\r\nx-api-key: {service.keys[0]}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    told = await asyncio.gather(*(flood(service.port, chunked, chunk, 20) for _ in range(8)))
    statuses, most = sorted({status for status, _, _ in told}), max(sent for _, sent, _ in told) / 2**20
    header = await flood(service.port, b"GET /livez HTTP/1.1\r\nhost: a\r\nx-large: ", b"a" * 4096, 20)
    return [("8 bodies that never end: answered, MiB taken at most", f"{statuses}, {most:.1f}", "413, < 16", statuses == [413] and most < 16),
            ("a header that never ends: answered, KiB sent", f"{header[0]}, {header[1] / 1024:.0f}", "431 or closed", header[0] in (0, 431) and header[2] < 20)]


async def malformed(service):
    port, good = service.port, post(service.keys[0])
    many = b"GET /livez HTTP/1.1\r\nhost: a\r\n" + b"x-a: 1\r\n" * 5000 + b"\r\n"
    cases = [
        ("a megabyte of headers", b"GET /livez HTTP/1.1\r\nhost: a\r\nx: " + b"a" * (1 << 20) + b"\r\n\r\n", {0, 431}),
        ("5,000 headers", many, {0, 431}),
        ("a target of 64 KiB", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nhost: a\r\n\r\n", {0, 404, 414, 431}),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {0, 400}),
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(60), {0, 400, 505}),
        ("a length and chunks", good.replace(b"host: a\r\n", b"host: a\r\ntransfer-encoding: chunked\r\n"), {0, 400}),
        ("two lengths", good.replace(b"host: a\r\n", b"host: a\r\ncontent-length: 3\r\n"), {0, 400}),
        ("a negative length", post(service.keys[0], length=-1), {0, 400}),
    ]
    rows = []
    for what, sent, allowed in cases:
        statuses = set(await asyncio.gather(*(one(port, sent) for _ in range(20))))
        rows.append((f"{what}: answered", f"{sorted(statuses, key=str)}", f"{sorted(allowed)}", statuses <= allowed))
    async with connected(port) as (reader, writer):
        began = time.monotonic()
        writer.write(good + b"\x00\xffgarbage\r\n\r\n" * 100)
        statuses = [(await asyncio.wait_for(answered(reader, began), 10)).status for _ in range(2)]
        ended = await ends_within(reader, 5)
    rows.append(("garbage behind a good request: answered, closed after, s", f"{statuses}, {ended:.1f}", "[200, 400], < 5", statuses[0] == 200 and statuses[1] in (0, 400) and ended < 5))
    halves = set(await asyncio.gather(*(one(port, sent, half_closed=True) for sent in [good[:-5], good[:30], b"", good] * 25)))
    rows.append(("100 clients that close their half early: answered", f"{sorted(halves, key=str)}", "[0, 200, 400]", halves <= {0, 200, 400}))
    return rows
