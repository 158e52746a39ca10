"""The checks of BIP352 are worth something: each of these one-line faults, put into our code, is caught by them.

A mutant is the package ``crypto`` imported a second time under another name, with one module's source changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_loader
from itertools import chain
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

import sdkrelay.crypto

from .bip352 import Implementation, failures, official
from .bip352_extra import extra_checks

SOURCES = Path(next(iter(sdkrelay.crypto.__path__)))
PACKAGE = "bip352_mutant"

#: Module, what stands there once, what is put in its place.
MUTATIONS = [
    ("inputs", 'witness[-1].startswith(b"\\x50")', 'witness[-1].startswith(b"\\x51")'),
    ("inputs", "if items > 1 and witness[-1].startswith", "if witness[-1:] and witness[-1].startswith"),
    ("inputs", "witness[items - 1][1:33] == NUMS", "witness[-1][1:33] == NUMS"),
    ("inputs", "0x52 <= script[0]", "0x53 <= script[0]"),
    ("inputs", "script[0] <= 0x60", "script[0] < 0x60"),
    ("inputs", "min([spent.outpoint for spent in inputs])", "inputs[0].outpoint"),
    ("inputs", "range(len(script_sig) - 33, -1, -1)", "range(len(script_sig) - 33, 0, -1)"),
    ("inputs", 'script_sig[start] in b"\\x02\\x03" and', 'script_sig[start] in b"\\x02" and'),
    ("inputs", "len(script_sig) != 23 or", "len(script_sig) < 23 or"),
    ("inputs", 'return b"\\x02" + script[2:]', 'return b"\\x03" + script[2:]'),
    ("inputs", "is_point(key) else None", "key else None"),
    ("inputs", "count, last = count + 1, key", "count, last = 1, key"),
    ("derivation", "K_MAX = 2323", "K_MAX = 2324"),
    ("derivation", 'hasher.update(k.to_bytes(4, "big"))', 'hasher.update(k.to_bytes(4, "little"))'),
    ("derivation", 'scan_secret + label.to_bytes(4, "big")', 'scan_secret + label.to_bytes(4, "little")'),
    ("derivation", ") % ORDER)", ") % 2**256)"),
    ("silent", "dict.fromkeys((CHANGE_LABEL, *labels))", "dict.fromkeys(labels)"),
    ("silent", "len(matches) > 1", "len(matches) > 2"),
    ("silent", "if not hits:", "if len(hits) != 1:"),
    ("silent", "indexes.setdefault(key, []).append(index)", "indexes[key] = [index]"),
    ("silent", "return tweak if label is None else", "return tweak or"),
    ("silent", "prefix in prefixes and any(", "prefix in prefixes or any("),
    ("silent", "prefixes[start:end] for", "prefixes[:end] for"),
    ("rows", "for addresses in self._spend_addresses:", "for addresses in self._spend_addresses[:1]:"),
    ("silent", "tweaks[64 * first : 64 * (first + BATCH)]", "tweaks[: 64 * BATCH]"),
    ("silent", "select(count(first), matches)", "select(count(), matches)"),
    ("rows", "range(1, 33 * count, 33)", "range(0, 33 * count, 33)"),
    ("silent", "zip(self._labels, self._pairs, strict=True)", "zip(self._labels[:2], self._pairs[:2], strict=True)"),
    ("generator", "place == PLACES - 1", "place == PLACES"),
    ("sending", "public_key(secret)[0] == 3", "public_key(secret)[0] == 2"),
    ("sending", "len(places) > K_MAX", "len(places) > K_MAX + 1"),
    ("sending", "for k, place in enumerate(places):", "for k, place in enumerate(recipients):"),
    ("address", "if version == _VERSION and", "if"),
]


@contextmanager
def mutant(module: str, old: str, new: str) -> Iterator[Implementation]:
    """The implementation with one module changed; forgotten afterwards."""
    package = ModuleType(PACKAGE)
    package.__path__ = [str(SOURCES)]
    sys.modules[PACKAGE] = package
    try:
        _load(f"{PACKAGE}.{module}", (SOURCES / f"{module}.py").read_text().replace(old, new))
        yield Implementation(PACKAGE)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def _load(name: str, source: str) -> None:
    """Import a module from a source that no file has."""
    spec = spec_from_loader(name, loader=None)
    assert spec is not None
    made = module_from_spec(spec)
    sys.modules[name] = made
    exec(compile(source, name, "exec"), made.__dict__)


def caught(implementation: Implementation) -> bool:
    """Whether any check fails; the quick ones come first."""
    receiving, sending = official(implementation, "receiving"), official(implementation, "sending")
    return next(failures(chain(extra_checks(implementation), receiving, sending)), None) is not None


class MutationTests(SynchronousTestCase):
    """Faults that a reader could miss."""

    def test_texts_stand_once(self) -> None:
        """Each mutation changes exactly one place of one line of the code as it is."""
        self.assertGreaterEqual(len(MUTATIONS), 15)
        for module, old, new in MUTATIONS:
            self.assertEqual((SOURCES / f"{module}.py").read_text().count(old), 1, old)
            self.assertNotIn("\n", old + new)

    def test_no_mutation_no_failure(self) -> None:
        """The second import without a change passes all checks."""
        with mutant("inputs", "NUMS", "NUMS") as same:
            self.assertFalse(caught(same))

    def test_each_is_caught(self) -> None:
        """Every mutant fails a check."""
        survivors = []
        for mutation in MUTATIONS:
            with mutant(*mutation) as changed:
                if not caught(changed):
                    survivors.append(mutation)
        self.assertEqual(survivors, [])
