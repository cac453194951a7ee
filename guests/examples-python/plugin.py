"""The plugins of guests/examples/SPEC.md in Python."""

import re

from wasmflow import ConfigError, Failure, plugin, transform


class Settings:
    drop_paths = ["/health"]
    large_cents = 10000


def check(s):
    if not all(isinstance(path, str) for path in s.drop_paths):
        raise ConfigError("drop_paths", "must be a list of texts")
    if s.large_cents < 1:
        raise ConfigError("large_cents", "must be 1 or more")


settings = plugin("examples-python", version="1.0.0", config=Settings, check=check)

# ---- access_log ----

WORD = rb'([^ "\\]+)'
LINE = re.compile(
    WORD + b" " + WORD + b" " + WORD + rb" \[([^\]\\]+)\] " +
    b'"' + WORD + b" " + WORD + b" " + WORD + rb'" ([1-5][0-9]{2}) ([0-9]{1,15}|-)'
)
PRINTABLE = re.compile(rb"[ -~]*")


@transform
def access_log(record, out):
    """Makes JSON of lines of an access log."""
    value = record.value or b""
    found = LINE.fullmatch(value)
    if found is None or not PRINTABLE.fullmatch(value):
        raise Failure(1, "not a line of an access log")
    client, _, user, time, method, path, _, status, size = found.group(*range(1, 10))
    proper, question, query = path.partition(b"?")
    if proper.decode() in settings.drop_paths:
        return
    user = b"null" if user == b"-" else b'"%s"' % user
    query = b'"%s"' % query if question else b"null"
    size = size.lstrip(b"0-") or b"0"
    failed = b"true" if status[:1] in b"45" else b"false"
    out.emit(key=client, value=(
        b'{"client":"%s","user":%s,"time":"%s","method":"%s","path":"%s","query":%s,'
        b'"status":%s,"class":"%sxx","bytes":%s,"error":%s}'
    ) % (client, user, time, method, proper, query, status, status[:1], size, failed))


# ---- route_order ----

COUNTRY = re.compile("[A-Z]{2}")
CENTS_MAX = 10**15


@transform(outputs=["large"])
def route_order(record, out):
    """Sends orders to the topic of their country."""
    try:
        order = record.json()
    except ValueError:
        order = None
    if not is_order(order):
        raise Failure(2, "not an order")
    if order["state"] == "cancelled":
        return
    out.emit(
        key=order["order"], target="orders-" + order["country"].lower(),
        output="large" if order["cents"] >= settings.large_cents else None,
    )


def is_order(order):
    if not isinstance(order, dict):
        return False
    name, country, state, cents = map(order.get, ("order", "country", "state", "cents"))
    return (
        isinstance(name, str) and name != "" and isinstance(state, str)
        and isinstance(country, str) and COUNTRY.fullmatch(country) is not None
        and type(cents) is int and 0 <= cents < CENTS_MAX
    )


# ---- mask ----

LOCAL = re.compile(rb"[A-Za-z0-9._+-]*\Z")
DOMAIN = re.compile(rb"[A-Za-z0-9.-]*")
NUMBER = re.compile(rb"[0-9](?:[ -]?[0-9])*")
DIGIT = re.compile(rb"[0-9]")


@transform(columns=["headers"])
def mask(record, out):
    """Hides e-mail addresses and the numbers of cards and accounts."""
    value = record.value
    if value is None:
        out.forward()
        return
    value, addresses = hide_addresses(value)
    value, numbers = hide_numbers(value)
    if addresses + numbers == 0:
        out.forward()
        return
    headers = [*record.headers, ("masked", str(addresses + numbers))]
    out.emit(value=value, headers=headers)


def hide_addresses(value):
    parts, done, at, hidden = [], 0, value.find(b"@"), 0
    while at >= 0:
        local = LOCAL.search(value[done:at]).group()
        domain = DOMAIN.match(value, at + 1).group().rstrip(b".-")
        if local and domain.find(b".", 1) > 0:
            start = at - len(local)
            parts += [value[done:start], local[:1], b"***@", domain]
            done = at + 1 + len(domain)
            hidden += 1
            at = value.find(b"@", done)
        else:
            at = value.find(b"@", at + 1)
    parts.append(value[done:])
    return b"".join(parts), hidden


def hide_numbers(value):
    hidden = 0

    def hide(found):
        nonlocal hidden
        number = found.group()
        digits = len(DIGIT.findall(number))
        if not 12 <= digits <= 19:
            return number
        hidden += 1
        return DIGIT.sub(b"*", number, count=digits - 4)

    return NUMBER.sub(hide, value), hidden
