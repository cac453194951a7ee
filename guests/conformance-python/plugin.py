"""The conformance guest in Python. docs/conformance.md says what each function does."""

import os
import time

from wasmflow import (
    ConfigError, Failure, bucketer, deserializer, log, metrics, partitioner, plugin, serializer,
    transform, transform_batch,
)

FAILED = 7


class Settings:
    greeting = "hello "
    times = 1
    loud = False


def check(s):
    if s.greeting == "":
        raise ConfigError("greeting", "must not be empty")


settings = plugin("conformance-python", version="1.0.0", config=Settings, check=check)


def is_odd(record):
    value = record.value
    return bool(value) and value[-1] % 2 == 1


def forward_even(record, out):
    out.forward()  # what a record emitted before it failed must not be seen
    if is_odd(record):
        raise Failure(FAILED, "odd")


def other(b):
    """Makes of null empty and of empty null."""
    return b"" if b is None else b or None


@transform
def echo(record, out):
    out.forward()


@transform_batch
def upper(records, out):
    for record in records:
        value = record.value
        out.value(None if value is None else value.upper())


@transform(name="drop-odd")
def drop_odd(record, out):
    if not is_odd(record):
        out.forward()


@transform(name="fail-odd")
def fail_odd(record, out):
    forward_even(record, out)


@transform(name="crash-odd")
def crash_odd(record, out):
    out.forward()
    if is_odd(record):
        raise RuntimeError("an odd record")


@transform
def hoard(record, out):
    if is_odd(record):
        kept = [bytearray(1 << 30) for _ in range(3)]
        out.value(kept[0])
    out.forward()


@transform
def repeat(record, out):
    for i in range(out.cursor, int(record.text)):
        if out.full:
            out.more(i)
            return
        out.value(str(i))


@transform
def swap(record, out):
    out.emit(key=record.value, value=record.key)


@transform
def nulls(record, out):
    out.emit(key=other(record.key), value=other(record.value))


@transform(columns=["headers"])
def headers(record, out):
    found = record.headers
    out.emit(headers=[*found, ("count", str(len(found)))])


@transform(name="edit-headers", columns=["headers"])
def edit_headers(record, out):
    value = record.value
    out.emit(headers=[(k, value if k == "empty" else v) for k, v in record.headers if k != "a"])


@transform(columns=["source"])
def origin(record, out):
    out.value("/".join(map(str, record.source)))


@transform
def restamp(record, out):
    timestamp = record.timestamp
    out.emit(timestamp=0 if timestamp is None else timestamp + 1)


@transform(outputs=["odd"])
def route(record, out):
    out.emit(
        target=f"t-{record.text}", partition=int(record.text),
        output="odd" if is_odd(record) else None,
    )


@transform
def clock(record, out):
    out.value(str(time.time_ns() // 1_000_000))


@transform
def sleep(record, out):
    before = time.time_ns()
    time.sleep(int(record.text))
    out.value(str((time.time_ns() - before) // 1_000_000))


@transform
def random(record, out):
    out.value(os.urandom(16).hex())


@transform(name="log")
def log_value(record, out):
    log.info(record.text)
    metrics.count("logged")
    forward_even(record, out)


@transform(name="metrics")
def count_value(record, out):
    n = int(record.text)
    metrics.count("sum", n)
    metrics.gauge("last", n)
    metrics.observe("seen", n)
    forward_even(record, out)


@transform
def greet(record, out):
    out.value(settings.greeting.encode() + (record.value or b""))


@transform(name="settings")
def tell_settings(record, out):
    out.value(f"times={settings.times} loud={str(settings.loud).lower()}")


@deserializer
def lines(record, out):
    value = record.value or b""
    if value == b"END":
        out.end_of_stream()
        return
    for line in value.split(b"\n"):
        if line:
            out.value(line)


@serializer
def pair(record, out):
    out.emit(key=None, value=(record.key or b"") + b"=" + (record.value or b""))


@partitioner
def length(record, partitions):
    value = record.value
    if value is None:
        raise Failure(FAILED, "null")
    return len(value) % partitions if value else -1


@bucketer
def initial(record):
    value = record.value
    if not value:
        raise Failure(FAILED, "empty")
    return "initial=" + chr(value[0])
