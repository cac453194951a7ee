"""Runs a plugin's functions natively, with records and emitters that do what those of wasmflow do.

    import plugin
    from wasmflow.testing import open

    def test_prices():
        assert open().texts("prices", "tea,250") == ['{"item":"tea","cents":250}']
"""

import json
from collections import namedtuple

import wasmflow

Output = namedtuple("Output", "key value headers timestamp target partition output")
Result = namedtuple("Result", "records error end_of_stream partition bucket")
Error = namedtuple("Error", "code text")
Log = namedtuple("Log", "level text")
Metric = namedtuple("Metric", "kind name value")
Input = namedtuple(
    "Input", "value key headers timestamp source",
    defaults=(None, None, (), None, wasmflow.Source("test", 0, 0, 0)),
)

_GONE = "the record is no longer at hand; take what you need of it in time"
_PARTITION = "a partition must be a whole number from 0, or -1 for none"


def _bytes_of(content, what):
    if content is None:
        return None
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    got = type(content).__name__
    raise TypeError(f"the {what} must be str, bytes or None, not {got}")


def _text_of(b, what):
    try:
        return None if b is None else b.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the {what} is no UTF-8; read record.{what}") from None


def _headers_of(pairs):
    return [(key, _bytes_of(value, "header's value")) for key, value in pairs]


def _partition_of(v):
    if not isinstance(v, int) or not -1 <= v < 2**31:
        raise TypeError(_PARTITION)
    return int(v)


def _text_in(v, what):
    if not isinstance(v, str):
        raise TypeError(f"a {what} must be a str")
    return v


class _Record:
    def __init__(self, given, columns):
        self._given, self._columns = given, columns

    @property
    def _now(self):
        if self._given is None:
            raise RuntimeError(_GONE)
        return self._given

    def _column(self, name):
        if name not in self._columns:
            raise RuntimeError(f'register the function with columns=["{name}"]')
        return getattr(self._now, name)

    key = property(lambda self: self._now.key)
    value = property(lambda self: self._now.value)
    key_text = property(lambda self: _text_of(self._now.key, "key"))
    text = property(lambda self: _text_of(self._now.value, "value"))
    timestamp = property(lambda self: self._now.timestamp)
    headers = property(lambda self: list(self._column("headers")))
    source = property(lambda self: self._column("source"))

    def json(self):
        text = self.text
        return None if text is None else wasmflow._decode(text)


class _Emitter:
    def __init__(self, f):
        self._f = f
        self.full = False

    def _begin(self, given, cursor):
        self._given, self.cursor = given, cursor
        self._records, self._next, self._ended = [], None, False

    def forward(self):
        self.emit()

    def value(self, value):
        self.emit(value=value)

    def json(self, value):
        self.emit(json=value)

    def emit(self, **fields):
        given = self._given
        r = Output(given.key, given.value, list(given.headers), given.timestamp, None, -1, "")
        for name, v in fields.items():
            name, v = self._field(name, v)
            r = r._replace(**{name: v})
        self._records.append(r)

    def _field(self, name, v):
        if name in ("key", "value"):
            return name, _bytes_of(v, name)
        if name == "json":
            return "value", wasmflow._encode(v).encode()
        if name == "headers":
            return name, _headers_of(v)
        if name == "timestamp":
            if v is not None and not isinstance(v, int):
                raise TypeError("the timestamp must be whole milliseconds, or None")
            return name, v
        if name == "target":
            return name, _text_in(v, "target")
        if name == "partition":
            return name, _partition_of(v)
        if name == "output":
            if v is not None and _text_in(v, "output") not in self._f.outputs:
                raise ValueError("the function is registered with no such output")
            return name, v or ""
        raise TypeError(f"a record has no field {name}")

    def more(self, cursor):
        if self._f.batch:
            raise RuntimeError("a batch function cannot go on with a record")
        self._next = cursor

    def end_of_stream(self):
        if self._f.role != "deserializer":
            raise RuntimeError("only a deserializer can end the stream")
        self._ended = True


class _Host:
    """What the engine's own module offers, written down."""

    def __init__(self):
        self.logs, self.metrics = [], []

    def log(self, level, text):
        self.logs.append(Log(("debug", "info", "warn", "error")[level], text))

    def metric(self, kind, name, value):
        self.metrics.append(Metric(("counter", "gauge", "histogram")[kind], name, value))


class Guest:
    """A plugin that was given its configuration."""

    def __init__(self, host):
        self._host = host
        self.logs, self.metrics = host.logs, host.metrics

    def run(self, name, records, *, partitions=1):
        """What becomes of each record: of its value, or of an Input."""
        for f in wasmflow._functions:
            if f.name == name:
                return [self._settled(f, given, partitions) for given in records]
        raise LookupError(f"there is no function {name}")

    def texts(self, name, *records):
        """run, told in lines: values, and errors behind "error: "."""
        lines = []
        for result in self.run(name, records):
            if result.error is not None:
                lines.append("error: " + result.error.text)
            lines += [_either(r.value) for r in result.records]
        return lines

    def _settled(self, f, given, partitions):
        if not isinstance(given, Input):
            given = Input(given)
        given = given._replace(
            key=_bytes_of(given.key, "key"), value=_bytes_of(given.value, "value"),
            headers=_headers_of(given.headers),
        )
        before = len(self.logs), len(self.metrics)
        try:
            return self._one(f, given, partitions)
        except Exception as e:
            del self.logs[before[0]:], self.metrics[before[1]:]
            code = e.code if isinstance(e, wasmflow.Failure) else 0
            return Result([], Error(code, str(e) or type(e).__name__), False, None, None)

    def _one(self, f, given, partitions):
        records, cursor, out = [], 0, _Emitter(f)
        while True:
            out._begin(given, cursor)
            partition, bucket = self._call(f, given, out, partitions)
            if out._next is not None and not out._records:
                raise RuntimeError("more was asked for before anything was emitted")
            records += out._records
            if out._next is None:
                return Result(records, None, out._ended, partition, bucket)
            cursor = out._next

    def _call(self, f, given, out, partitions):
        record = _Record(given, f.columns)
        try:
            if f.role == "partitioner":
                return _partition_of(f.call(record, partitions)), None
            if f.role == "bucketer":
                return None, _text_in(f.call(record), "bucket")
            f.call(iter([record]) if f.batch else record, out)
            return None, None
        finally:
            record._given = None


def _either(b):
    try:
        return _text_of(b, "value")
    except ValueError:
        return b


def open(config=None):
    """Gives the plugin, which the test has imported, its configuration."""
    host = _Host()
    wasmflow._native = host
    wasmflow._describe()
    wasmflow._configure(json.loads(json.dumps(config or {})))
    return Guest(host)
