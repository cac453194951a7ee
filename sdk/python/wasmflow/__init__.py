"""Plugins in Python. __init__.pyi explains every part.

This file is the same in the engine and in unit tests. Records and emitters are the engine's, or
those of wasmflow.testing.
"""

import json
from collections import namedtuple

try:
    import _wasmflow as _native  # of the engine; unit tests put another in its place
except ImportError:
    _native = None

__version__ = "0.1.0"

_ROLES = ("transform", "deserializer", "serializer", "partitioner", "bucketer")
_COLUMNS = ("headers", "source")

_about = None  # what plugin was told
_functions = []

Source = namedtuple("Source", "split position_high position_low ordinal")


class Failure(Exception):
    """A failure of a record that is no mistake of the plugin."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class ConfigError(Exception):
    """A refusal of the configuration."""

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


class Interrupted(BaseException):
    """The record takes more steps than it may."""


# ---- registration ----


class _Function:
    def __init__(self, call, role, batch, name, columns, outputs, doc):
        for column in columns:
            if column not in _COLUMNS:
                raise ValueError(f"{name}: no column {column}; there are {', '.join(_COLUMNS)}")
        self.call, self.role, self.batch = call, role, batch
        self.name, self.columns, self.outputs, self.doc = name, columns, outputs, doc


def _register(role, batch=False):
    def register(call=None, *, name=None, columns=(), outputs=(), doc=None):
        def add(call):
            about = doc or (call.__doc__ or "").strip().partition("\n")[0]
            _functions.append(
                _Function(call, role, batch, name or call.__name__, tuple(columns),
                          tuple(outputs), about)
            )
            return call

        return add if call is None else add(call)

    return register


transform = _register("transform")
transform_batch = _register("transform", batch=True)
deserializer = _register("deserializer")
serializer = _register("serializer")
partitioner = _register("partitioner")
bucketer = _register("bucketer")


class _About:
    def __init__(self, name, version, config, check, memory, steps):
        self.name, self.version, self.config = name, version, config
        self.check, self.memory, self.steps = check, memory, steps
        self.names = () if config is None else _settings_of(config)
        self.settings = None if config is None else config()


def plugin(name, *, version="0.0.0", config=None, check=None, memory=0, steps=0):
    global _about
    if _about is not None:
        raise RuntimeError("plugin is called once")
    _about = _About(name, version, config, check, memory, steps)
    return _about.settings


# ---- configuration ----


def _settings_of(config):
    """The names of a class's settings: fields of a dataclass, or attributes that are no methods."""
    fields = getattr(config, "__dataclass_fields__", None)
    if fields is not None:
        return tuple(fields)
    names = {}
    for c in reversed(config.__mro__[:-1]):
        names.update((n, v) for n, v in vars(c).items() if not n.startswith("_"))
    return tuple(n for n, v in names.items() if not callable(v) and not hasattr(v, "__get__"))


def _type_of(value):
    if value is None:
        return "null"
    for name, kinds in (("boolean", bool), ("integer", int), ("number", float), ("string", str),
                        ("array", (list, tuple)), ("object", dict)):
        if isinstance(value, kinds):
            return name
    return type(value).__name__


def _checked(given, defaults):
    if not isinstance(given, dict):
        raise ConfigError("", "must be an object")
    for name, value in given.items():
        if name not in defaults:
            names = ", ".join(defaults) or "none"
            raise ConfigError(name, f"there is no such setting; there are {names}")
        want, got = _type_of(defaults[name]), _type_of(value)
        if want not in ("null", got) and (want, got) != ("number", "integer"):
            raise ConfigError(name, f"must be of type {want}, not {got}")
    return given


def _defaults():
    fresh = None if _about.config is None else _about.config()
    return {name: getattr(fresh, name) for name in _about.names}


def _configure(given):
    defaults = _defaults()
    for name, value in {**defaults, **_checked(given, defaults)}.items():
        object.__setattr__(_about.settings, name, value)
    if _about.check is not None:
        _about.check(_about.settings)


def _open(text):
    """Takes the configuration; returns a refusal, or None."""
    try:
        _configure(json.loads(text))
    except Exception as e:
        return _refusal(e)
    return None


def _refusal(e):
    field = e.field if isinstance(e, ConfigError) else ""
    return json.dumps({"field": field, "message": _told(e)})


# ---- what people are told ----

_FRAMES_MAX = 10  # of a traceback: endless recursion has a thousand


def _told(e):
    """An exception in one line. Failures speak for themselves, others with their traceback."""
    if isinstance(e, (Failure, ConfigError)):
        return str(e)
    if isinstance(e, SyntaxError) and e.filename:
        return f"{type(e).__name__}: {e.msg}; at {e.filename}:{e.lineno}"
    text = str(e) or ("out of memory" if isinstance(e, MemoryError) else "")
    parts = [f"{type(e).__name__}: {text}" if text else type(e).__name__]
    frames, at, own = [], e.__traceback__, _told.__code__.co_filename
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename != own and not code.co_filename.startswith("<frozen"):
            frames.append(f"at {code.co_name} ({code.co_filename}:{at.tb_lineno})")
        at = at.tb_next
    parts += frames[:-_FRAMES_MAX - 1:-1]
    if e.__cause__ is not None:
        parts.append("because of " + _told(e.__cause__))
    return "; ".join(" ".join(part.split()) for part in parts)


def _failure(e):
    """Code and text of a record's failure."""
    return (e.code & 0xFFFFFFFF if isinstance(e, Failure) else 0), _told(e)


# ---- description ----


def _schema():
    properties = {}
    for name, value in _defaults().items():
        properties[name] = {"type": _type_of(value), "default": value}
        if value is None:
            del properties[name]["type"]
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _describe():
    if _about is None:
        raise RuntimeError("the script does not call plugin(name)")
    if not _functions:
        raise RuntimeError("the script registers no function")
    functions = []
    for f in _functions:
        d = {"name": f.name, "role": f.role}
        for key, value in (("columns", f.columns), ("outputs", f.outputs), ("doc", f.doc)):
            if value:
                d[key] = value
        functions.append(d)
    return json.dumps({
        "name": _about.name, "version": _about.version, "functions": functions,
        "config_schema": _schema(),
    })


# ---- the world ----


def _host():
    if _native is None:
        raise RuntimeError("a plugin runs in wasmflow, or under wasmflow.testing")
    return _native


class log:
    """Lines of the job's log."""

    @staticmethod
    def debug(*parts):
        _host().log(0, " ".join(map(str, parts)))

    @staticmethod
    def info(*parts):
        _host().log(1, " ".join(map(str, parts)))

    @staticmethod
    def warn(*parts):
        _host().log(2, " ".join(map(str, parts)))

    @staticmethod
    def error(*parts):
        _host().log(3, " ".join(map(str, parts)))


class metrics:
    """Numbers of the job's metrics."""

    @staticmethod
    def count(name, by=1):
        _host().metric(0, name, float(by))

    @staticmethod
    def gauge(name, value):
        _host().metric(1, name, float(value))

    @staticmethod
    def observe(name, value):
        _host().metric(2, name, float(value))


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_decode = json.loads
