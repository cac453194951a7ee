"""_wasmflow_start: the part of the engine that is easier in Python."""

import encodings  # noqa: F401: it tells codecs where to look
import sys
import time
from _frozen_importlib import ModuleSpec

import wasmflow

import _wasmflow


class Lines:
    """What is printed becomes lines of the log."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, level):
        self.level, self.rest = level, ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            _wasmflow.log(self.level, line)
        return len(text)

    def flush(self):
        if self.rest:
            line, self.rest = self.rest, ""
            _wasmflow.log(self.level, line)

    def isatty(self):
        return False


class Files:
    """Imports what was packed with the script."""

    def __init__(self, files):
        self.files = files

    def find_spec(self, name, path=None, target=None):
        base = name.replace(".", "/")
        for origin in (base + ".py", base + "/__init__.py"):
            if origin in self.files:
                package = origin.endswith("/__init__.py")
                return ModuleSpec(name, self, origin=origin, is_package=package)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        origin = module.__file__ = module.__spec__.origin
        run(self.files[origin], origin, module.__dict__)


def run(text, name, scope):
    exec(compile(text, name, "exec", dont_inherit=True), scope)


def load(packed):
    """Runs the script; returns the description, the functions and the bounds."""
    parts = packed.decode().split("\0")
    names, texts = parts[0::2], parts[1::2]
    if len(parts) < 2 or len(names) != len(texts):
        raise ValueError("the section holds no script")
    sys.meta_path.append(Files(dict(zip(names[1:], texts[1:]))))
    script = type(sys)("plugin")
    script.__file__ = names[0]
    sys.modules["plugin"] = script
    run(texts[0], names[0], script.__dict__)
    functions = [
        (f.call, wasmflow._ROLES.index(f.role), f.batch, list(f.outputs),
         "headers" in f.columns, "source" in f.columns)
        for f in wasmflow._functions
    ]
    about = wasmflow._about
    return wasmflow._describe(), functions, about.memory, about.steps


def begin(seed):
    """Has the module random, where it is used, draw the same for the same call."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed(seed)


time.tzname, time.timezone, time.altzone, time.daylight = ("UTC", "UTC"), 0, 0, 0
sys.path[:] = []
sys.argv[:] = ["plugin"]
sys.dont_write_bytecode = True
sys.setrecursionlimit(200)
sys.stdout, sys.stderr = Lines(1), Lines(2)
