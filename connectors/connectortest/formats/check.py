"""Reads the files that cmd/formatfiles wrote with the programs of others, and compares row for row.

    check.py FOLDER

needs pyarrow, duckdb and fastavro. It ends with 1 when a row differs.
"""

import base64
import datetime
import decimal
import glob
import json
import os
import struct
import sys
import uuid

import duckdb
import fastavro
import pyarrow
import pyarrow.parquet

UNITS = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}
EPOCH = datetime.datetime(1970, 1, 1)


class Schema:
    """Brings values of an Avro schema, from JSON or from a reader, into one form."""

    def __init__(self, schema):
        self.root = schema
        self.named = {}

    def resolve(self, t):
        if isinstance(t, str) and t in self.named:
            return self.named[t]
        if isinstance(t, dict) and t["type"] in ("record", "enum", "fixed"):
            self.named[t["name"]] = t
        return t

    def norm(self, t, v, leaf):
        t = self.resolve(t)
        if isinstance(t, list):
            if v is None:
                return None
            return self.norm([b for b in t if b != "null"][0], v, leaf)
        kind = t if isinstance(t, str) else t["type"]
        if kind == "record":
            return tuple((f["name"], self.norm(f["type"], v[f["name"]], leaf)) for f in t["fields"])
        if kind == "array":
            return [self.norm(t["items"], x, leaf) for x in v]
        if kind == "map":
            pairs = v.items() if isinstance(v, dict) else v
            return sorted((k, self.norm(t["values"], x, leaf)) for k, x in pairs)
        return leaf(t if isinstance(t, dict) else {"type": t}, v)


def real(bits, v):
    form = "<f" if bits == 32 else "<d"
    packed = struct.pack(form, v)
    return "NaN" if v != v else packed


def units(text, unit):
    """The number of units in a time as JSON has it."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    n = int(fraction.ljust(9, "0")) // (10**9 // unit)
    if "T" not in whole:
        h, m, s = whole.split(":")
        return (int(h) * 3600 + int(m) * 60 + int(s)) * unit + n
    at = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return int((at - EPOCH).total_seconds()) * unit + n


def from_json(t, v):
    kind, logical = t["type"], t.get("logicalType", "")
    if logical == "decimal":
        return decimal.Decimal(v)
    if logical == "uuid":
        return uuid.UUID(v)
    if logical == "duration":
        months, rest = v[1:].split("M")
        days, seconds = rest.split("DT")
        return int(months), int(days), int(seconds.rstrip("S").replace(".", ""))
    if logical == "date":
        return (datetime.date.fromisoformat(v) - EPOCH.date()).days
    for name, unit in UNITS.items():
        if logical.endswith(name):
            return units(v, unit)
    if kind in ("bytes", "fixed"):
        return base64.b64decode(v)
    if kind in ("float", "double"):
        return real(32 if kind == "float" else 64, float(v))
    return v


def from_reader(t, v):
    """Takes what pyarrow's scalars and fastavro return."""
    kind, logical = t["type"], t.get("logicalType", "")
    if logical == "decimal":
        return decimal.Decimal(v)
    if logical == "uuid":
        return v if isinstance(v, uuid.UUID) else uuid.UUID(bytes=v) if len(v) == 16 else uuid.UUID(v)
    if logical == "duration":
        return struct.unpack("<III", v) if isinstance(v, bytes) else v
    if isinstance(v, datetime.datetime):
        v = v.replace(tzinfo=None) - EPOCH
    if isinstance(v, datetime.time):
        v = datetime.timedelta(
            hours=v.hour, minutes=v.minute, seconds=v.second, microseconds=v.microsecond
        )
    if isinstance(v, datetime.timedelta):
        micros = (v.days * 86400 + v.seconds) * 10**6 + v.microseconds
        unit = [u for name, u in UNITS.items() if logical.endswith(name)][0]
        return micros * unit // 10**6
    if isinstance(v, datetime.date):
        return (v - EPOCH.date()).days
    if kind in ("float", "double"):
        return real(32 if kind == "float" else 64, v)
    if kind == "enum" and isinstance(v, bytes):  # pyarrow takes them for bytes
        return v.decode()
    return v


def python(s):
    """A scalar of pyarrow as Python has it, without a loss: times as numbers."""
    if not s.is_valid:
        return None
    t = s.type
    if pyarrow.types.is_struct(t):
        return {t.field(i).name: python(s[i]) for i in range(t.num_fields)}
    if pyarrow.types.is_map(t):
        return [(python(x["key"]), python(x["value"])) for x in s.values]
    if pyarrow.types.is_list(t):
        return [python(x) for x in s.values] if s.values is not None else []
    if pyarrow.types.is_timestamp(t) or pyarrow.types.is_time(t):
        return s.value
    if pyarrow.types.is_interval(t):
        v = s.as_py()
        return v.months, v.days, v.nanoseconds // 10**6
    if isinstance(t, pyarrow.BaseExtensionType):
        return python(s.value)
    return s.as_py()


def rows_of(table):
    for batch in table.to_batches():
        columns = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        for i in range(batch.num_rows):
            yield {name: python(column[i]) for name, column in columns.items()}


def by_pyarrow(path):
    return rows_of(pyarrow.parquet.read_table(path))


def by_duckdb(path):
    # 64 bits of nanoseconds come out as they are; coarser times become microseconds.
    table = duckdb.sql(f"select * from '{path}'").to_arrow_table()
    return rows_of(table)


def by_fastavro(path):
    with open(path, "rb") as f:
        yield from fastavro.reader(f)


def coarse(t, v):
    """What DuckDB makes of times: all but nanoseconds become microseconds."""
    logical = t.get("logicalType", "")
    if logical == "time-millis" or logical.endswith("timestamp-millis"):
        return v // 1000
    return v


def pushed(path, rows):
    """Filters in DuckDB and pyarrow use the bounds of pages and row groups: none may lie."""
    wrong = 0
    queries = {
        "n = 4242": lambda r: r["n"] == 4242,
        "maybe_long is null": lambda r: r["maybe_long"] is None,
        "decimal_30 < 0": lambda r: decimal.Decimal(r["decimal_30"]) < 0,
        "decimal_18 > 1000000": lambda r: decimal.Decimal(r["decimal_18"]) > 1000000,
        "string = 'beta'": lambda r: r["string"] == "beta",
        "date >= date '2000-01-01'": lambda r: r["date"] >= "2000-01-01",
        "enum = 'HEARTS'": lambda r: r["enum"] == "HEARTS",
    }
    for where, keep in queries.items():
        got = duckdb.sql(f"select count(*) from '{path}' where {where}").fetchall()[0][0]
        want = sum(1 for r in rows if keep(r))
        if got != want:
            print(f"  {where}: {got} rows, not {want}")
            wrong += 1
    table = pyarrow.parquet.read_table(path, filters=[("decimal_30", "<", decimal.Decimal(0))])
    if table.num_rows != sum(1 for r in rows if decimal.Decimal(r["decimal_30"]) < 0):
        print("  pyarrow: decimal_30 < 0 differs")
        wrong += 1
    return wrong


def compare(name, reader, path, schema, want):
    differ = count = 0
    for i, row in enumerate(reader(path)):
        leaf = from_reader
        if reader is by_duckdb:
            leaf = lambda t, v: from_reader(t, coarse(t, v))
        got = schema.norm(schema.root, row, leaf)
        if i >= len(want) or got != want[i]:
            differ += 1
            if differ <= 3 and i < len(want):
                for a, b in zip(got, want[i]):
                    if a != b:
                        print(f"  row {i}: {a} != {b}")
        count += 1
    differ += abs(len(want) - count)
    print(f"{name:10} {os.path.basename(path):28} {count} rows, {differ} differ")
    return differ


def main(folder):
    decimal.getcontext().prec = 50
    with open(os.path.join(folder, "everything.avsc")) as f:
        schema = Schema(json.load(f))
    with open(os.path.join(folder, "rows.json")) as f:
        rows = [json.loads(line, parse_float=str, parse_int=int) for line in f]
    want = [schema.norm(schema.root, r, from_json) for r in rows]
    wrong = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.parquet"))):
        wrong += compare("pyarrow", by_pyarrow, path, schema, want)
        wrong += compare("duckdb", by_duckdb, path, schema, want)
        wrong += pushed(path, rows)
    for path in sorted(glob.glob(os.path.join(folder, "*.avro"))):
        wrong += compare("fastavro", by_fastavro, path, schema, want)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
