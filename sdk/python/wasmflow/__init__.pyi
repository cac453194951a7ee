"""Plugins for wasmflow, the stream processor, in Python."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, overload

__version__: str

# What keys, values and headers are made of. A str travels as UTF-8; None is null, not empty.
Content = str | bytes | bytearray | memoryview | None

class Source(NamedTuple):
    """Names a record for ever."""

    split: str
    position_high: int
    position_low: int
    ordinal: int

class Record(Protocol):
    """A record as a function sees it.

    It is valid while it is at hand: until the function returns, or a batch function takes the next
    one. Each property is read from the batch when it is asked for, so ask once.
    """

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def key_text(self) -> str | None:
        """Raises ValueError for what is no UTF-8."""
    @property
    def text(self) -> str | None:
        """The value as text. Raises ValueError for what is no UTF-8."""
    def json(self) -> Any:
        """The value, parsed as JSON; None for null."""
    @property
    def timestamp(self) -> int | None:
        """Milliseconds since 1970."""
    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """Of functions registered with columns=["headers"]."""
    @property
    def source(self) -> Source:
        """Of functions registered with columns=["source"]."""

class Emitter(Protocol):
    """Takes the records a function makes of the one at hand.

    A record for which nothing is emitted is dropped. When a function raises, the record fails, and
    what it emitted is taken back.
    """

    def forward(self) -> None:
        """Emits the record at hand as it is; nothing is copied."""
    def value(self, value: Content, /) -> None:
        """Emits it with another value; key, headers and timestamp stay."""
    def json(self, value: Any, /) -> None:
        """Emits it with a value of JSON."""
    def emit(
        self,
        *,
        key: Content = ...,
        value: Content = ...,
        json: Any = ...,
        headers: Sequence[tuple[str, Content]] = ...,
        timestamp: int | None = ...,
        target: str = ...,
        partition: int = ...,
        output: str | None = ...,
    ) -> None:
        """Emits a record; what is not given is as in the one at hand.

        target is the topic, or the like, that the record asks for; partition is -1 for none; output
        is one of the function's named outputs, None the main one.
        """
    @property
    def full(self) -> bool:
        """Whether the output is as large as is welcome: a good time for more."""
    def more(self, cursor: int, /) -> None:
        """Asks to be called again for this record, with the cursor: a record of very many."""
    @property
    def cursor(self) -> int:
        """As given to more; 0 when the record is new."""
    def end_of_stream(self) -> None:
        """Of deserializers: this record and all behind it in its split are left out."""

class Failure(Exception):
    """A failure of a record that is no mistake of the plugin: it has a code and no traceback."""

    code: int
    def __init__(self, code: int, message: str) -> None: ...

class ConfigError(Exception):
    """A refusal of the configuration; field is the path of the setting."""

    field: str
    def __init__(self, field: str, message: str) -> None: ...

class Interrupted(BaseException):
    """Raised where a record takes more steps than it may."""

_S = TypeVar("_S")
_RecordFunction = TypeVar("_RecordFunction", bound=Callable[[Record, Emitter], None])
_BatchFunction = TypeVar("_BatchFunction", bound=Callable[[Iterator[Record], Emitter], None])
_PartitionFunction = TypeVar("_PartitionFunction", bound=Callable[[Record, int], int])
_BucketFunction = TypeVar("_BucketFunction", bound=Callable[[Record], str])

@overload
def plugin(name: str, *, version: str = ..., memory: int = ..., steps: int = ...) -> None: ...
@overload
def plugin(
    name: str,
    *,
    version: str = ...,
    config: type[_S],
    check: Callable[[_S], None] | None = ...,
    memory: int = ...,
    steps: int = ...,
) -> _S:
    """Says what the plugin is; to be called once. Returns its settings.

    config is a dataclass, or a class whose attributes are the defaults. A job file with another
    setting, or a value of another type, is refused; check raises ConfigError for what cannot be.
    memory (bytes, 48 MiB unless given) and steps (of 10,000 instructions of the interpreter for a
    record, 200 unless given) bound the plugin inside the engine; the host's own limits hold as well.
    """

@overload
def transform(call: _RecordFunction, /) -> _RecordFunction: ...
@overload
def transform(
    *,
    name: str | None = ...,
    columns: Sequence[str] = ...,
    outputs: Sequence[str] = ...,
    doc: str | None = ...,
) -> Callable[[_RecordFunction], _RecordFunction]:
    """Registers a function that makes 0 or more records of each.

    columns names what it reads beside key, value and timestamp: headers, source. outputs names
    outputs beside the main one.
    """

@overload
def transform_batch(call: _BatchFunction, /) -> _BatchFunction: ...
@overload
def transform_batch(
    *,
    name: str | None = ...,
    columns: Sequence[str] = ...,
    outputs: Sequence[str] = ...,
    doc: str | None = ...,
) -> Callable[[_BatchFunction], _BatchFunction]:
    """Registers a transform that is called for many records at a time.

    When its loop raises, the record at hand fails, and it is called again for those behind it.
    """

@overload
def deserializer(call: _RecordFunction, /) -> _RecordFunction: ...
@overload
def deserializer(
    *,
    name: str | None = ...,
    columns: Sequence[str] = ...,
    outputs: Sequence[str] = ...,
    doc: str | None = ...,
) -> Callable[[_RecordFunction], _RecordFunction]:
    """Registers a function that makes 0 or more records of a message of a source."""

@overload
def serializer(call: _RecordFunction, /) -> _RecordFunction: ...
@overload
def serializer(
    *, name: str | None = ..., columns: Sequence[str] = ..., doc: str | None = ...
) -> Callable[[_RecordFunction], _RecordFunction]:
    """Registers a function that makes key and value as a sink is to write them."""

@overload
def partitioner(call: _PartitionFunction, /) -> _PartitionFunction: ...
@overload
def partitioner(
    *, name: str | None = ..., columns: Sequence[str] = ..., doc: str | None = ...
) -> Callable[[_PartitionFunction], _PartitionFunction]:
    """Registers a function that chooses a partition; -1 leaves it to the sink."""

@overload
def bucketer(call: _BucketFunction, /) -> _BucketFunction: ...
@overload
def bucketer(
    *, name: str | None = ..., columns: Sequence[str] = ..., doc: str | None = ...
) -> Callable[[_BucketFunction], _BucketFunction]:
    """Registers a function that names the bucket of a record: a relative path."""

class log:
    """Lines of the job's log. Those of a record that fails are dropped with it. print does info."""

    @staticmethod
    def debug(*parts: object) -> None: ...
    @staticmethod
    def info(*parts: object) -> None: ...
    @staticmethod
    def warn(*parts: object) -> None: ...
    @staticmethod
    def error(*parts: object) -> None: ...

class metrics:
    """Numbers of the job's metrics. Names are [a-z_][a-z0-9_]*."""

    @staticmethod
    def count(name: str, by: float = ...) -> None: ...
    @staticmethod
    def gauge(name: str, value: float) -> None: ...
    @staticmethod
    def observe(name: str, value: float) -> None: ...
