"""Compiled functions that start without their compiler.

`compiled` functions need numba in every process that calls them, which takes longer to start than measuring a hundred
thousand parcels. A `Native` is a function of addresses and numbers that numba compiled once; its machine code is kept
on disk under a hash of its sources, of the compiler's version and of the processor, and is loaded by LLVM alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_KINDS: dict[str, Any] = {"int64": ctypes.c_int64, "float64": ctypes.c_double, "bytes": ctypes.c_char_p}
_HOME = Path(__file__).parent
_SUFFIX = ".machine"
#: Loaded code lives as long as the process.
_engines: list[Any] = []


class Native:
    """A function, by name, of numbers and addresses of arrays.

    Parameters
    ----------
    module, name : str
        Where it is defined; the module is imported only where it has to be compiled.
    result : str
    arguments : tuple of str
        Each ``int64`` (also an address), ``float64``, or ``bytes`` (the address of their first).
    sources : tuple of str
        Files, relative to the package, whose text decides what the function does.
    """

    def __init__(
        self, module: str, name: str, result: str, arguments: tuple[str, ...], sources: tuple[str, ...]
    ) -> None:
        self._module, self._name, self._sources = module, name, sources
        self._result, self._arguments = result, arguments
        self._call: Callable[..., Any] | None = None

    @property
    def call(self) -> Callable[..., Any]:
        """The function itself; other threads run while it does."""
        if self._call is None:
            self._call = self._loaded()
        return self._call

    @property
    def is_kept(self) -> bool:
        """Whether it was compiled before, so that it only has to be loaded."""
        return _read(self._key()) is not None

    def _loaded(self) -> Callable[..., Any]:
        kind = ctypes.CFUNCTYPE(_KINDS[self._result], *(_KINDS[argument] for argument in self._arguments))
        kept = _read(self._key())
        if kept is None:
            kept = self._compile()
            _keep(self._key(), *kept)
        return kind(_address(*kept))

    def _key(self) -> str:
        text = "\n".join([self._module, self._name, self._result, *self._arguments, _machine()])
        digest = hashlib.sha256(text.encode())
        for source in self._sources:
            digest.update((_HOME / source).read_bytes())
        return f"{self._name}-{digest.hexdigest()[:24]}"

    def _compile(self) -> tuple[str, bytes]:
        import numba

        compiler: Any = numba
        kinds: dict[str, Any] = {"int64": numba.types.int64, "float64": numba.types.float64, "bytes": numba.types.int64}
        signature = kinds[self._result](*(kinds[argument] for argument in self._arguments))
        function = getattr(importlib.import_module(self._module), self._name)
        # Callable from C; it must not raise, allocate or reshape, for which numba's runtime would have to be there.
        made = compiler.cfunc(signature, nopython=True)(function)
        return made._wrapper_name, bytes(made._library.serialize_using_object_code()[2][0])


@cache
def _machine() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return f"{sys.implementation.cache_tag} {llvmlite.__version__} {llvm.get_host_cpu_name()} {features}"


@cache
def _folders() -> tuple[Path, ...]:
    named = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    own = _HOME / "__pycache__"
    return (Path(named),) if named else (own, Path(home) / "geo-service")


def _read(key: str) -> tuple[str, bytes] | None:
    for folder in _folders():
        try:
            head, _, code = (folder / (key + _SUFFIX)).read_bytes().partition(b"\n")
            said = json.loads(head)
            if hashlib.sha256(code).hexdigest() == said["sha256"]:
                return str(said["symbol"]), code
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _keep(key: str, symbol: str, code: bytes) -> None:
    head = json.dumps({"symbol": symbol, "sha256": hashlib.sha256(code).hexdigest()})
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".partial")
            with os.fdopen(descriptor, "wb") as file:
                file.write(head.encode() + b"\n" + code)
            os.replace(temporary, folder / (key + _SUFFIX))
        except OSError:
            # Read-only, or no home: the next one; without any, it is compiled again in the next process.
            continue
        return


def _address(symbol: str, code: bytes) -> int:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(symbol))
