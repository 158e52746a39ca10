"""The habits of the house, counted over the whole repository, and proof that the counting bites."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from .support.house import patched, swallowed, too_deep, too_long, undocumented, unfinished
from .support.source import ROOT, Module, read

#: Functions that may be longer or deeper because they are hot, each with the bench that shows it: ``name: bench``.
HOT_LOOPS: dict[str, str] = {}
EVERYWHERE = ("sdkrelay", "tests", "bench", "twisted")


def everywhere(check: Callable[[Module], Iterator[str]]) -> list[str]:
    """What a check finds in the whole repository."""
    return [finding for folder in EVERYWHERE for module in read(folder) for finding in check(module)]


class HabitsTests(SynchronousTestCase):
    """The repository as it is."""

    maxDiff = None

    def test_files_and_functions_are_short(self) -> None:
        """At most 400 lines a file and 30 a function, named hot loops excepted."""
        self.assertEqual(everywhere(lambda module: too_long(module, set(HOT_LOOPS))), [])

    def test_nesting_is_shallow(self) -> None:
        """At most three blocks inside each other, named hot loops excepted."""
        self.assertEqual(everywhere(lambda module: too_deep(module, set(HOT_LOOPS))), [])

    def test_modules_and_tests_say_why_they_exist(self) -> None:
        """Each module and each test has a docstring."""
        self.assertEqual(everywhere(undocumented), [])

    def test_no_failure_is_swallowed(self) -> None:
        """No handler catches everything and does nothing."""
        self.assertEqual(everywhere(swallowed), [])

    def test_nothing_is_patched(self) -> None:
        """Real parts inside, fakes only outside: no mock anywhere."""
        self.assertEqual(everywhere(patched), [])

    def test_nothing_is_left_for_later(self) -> None:
        """No note of unfinished work stands in the code."""
        self.assertEqual(everywhere(unfinished), [])

    def test_each_hot_loop_exists_and_has_its_bench(self) -> None:
        """An excuse ends with the function it was made for, and without its bench."""
        names = {f"{module.name}.{function.name}" for module in read("sdkrelay") for function in module.functions()}
        benches = {bench for bench in HOT_LOOPS.values() if (ROOT / bench).is_file()}
        self.assertEqual((set(HOT_LOOPS) - names, set(HOT_LOOPS.values()) - benches), (set(), set()))

    def test_users_are_told_what_changed(self) -> None:
        """There is a news fragment of a known kind, or a release that has used them up."""
        fragments = [path for path in (ROOT / "newsfragments").iterdir() if path.name not in ("README.rst", ".gitkeep")]
        kinds = {".feature", ".bugfix", ".doc", ".removal", ".misc"}
        self.assertEqual([path.name for path in fragments if path.suffix not in kinds], [])
        self.assertTrue(fragments or "\n## " in (ROOT / "CHANGES.md").read_text(encoding="utf-8"))


class CheckerTests(SynchronousTestCase):
    """Each check finds what it is there for, and nothing in clean code."""

    def found(self, check: Callable[[Module], Iterator[str]], text: str) -> int:
        """How much a check finds in a text."""
        return len(list(check(Module.of("sample", text))))

    def test_length_is_counted(self) -> None:
        """401 lines are too many, and 31 of a function, its docstring not counted."""
        self.assertEqual(self.found(lambda module: too_long(module, set()), "a = 1\n" * 401), 1)
        body = "def f():\n    '''Say.\n\n    More.'''\n" + "    a = 1\n" * 29
        self.assertEqual(self.found(lambda module: too_long(module, set()), body), 0)
        self.assertEqual(self.found(lambda module: too_long(module, set()), body + "    a = 1\n"), 1)
        self.assertEqual(self.found(lambda module: too_long(module, {"sample.f"}), body + "    a = 1\n"), 0)

    def test_nesting_is_counted(self) -> None:
        """Four blocks inside each other are too many; a chain of elif is one."""
        deep = "def f():\n for a in b:\n  if a:\n   while c:\n    with d:\n     e()"
        chain = "def f():\n if a: b\n elif c: d\n elif e: f\n elif g: h\n else:\n  i"
        self.assertEqual(self.found(lambda module: too_deep(module, set()), deep), 1)
        self.assertEqual(self.found(lambda module: too_deep(module, set()), chain), 0)

    def test_missing_docstrings_are_found(self) -> None:
        """A module and a test without a word are both told."""
        self.assertEqual(self.found(undocumented, "def test_x(): a()"), 2)
        self.assertEqual(self.found(undocumented, "'''Why.'''\ndef test_x():\n    '''Says.'''"), 0)

    def test_swallowed_failures_are_found(self) -> None:
        """Catching all and passing is told; catching one error is not."""
        self.assertEqual(self.found(swallowed, "try: a()\nexcept Exception: pass"), 1)
        self.assertEqual(self.found(swallowed, "try: a()\nexcept: ..."), 1)
        self.assertEqual(self.found(swallowed, "try: a()\nexcept KeyError: pass\nexcept Exception: log()"), 0)

    def test_patches_are_found(self) -> None:
        """By whatever road a mock comes in."""
        for text in (
            "from unittest import mock",
            "import mock",
            "from unittest.mock import patch",
            "self.patch(a, 'b', c)",
        ):
            self.assertEqual(self.found(patched, text), 1, text)

    def test_notes_of_unfinished_work_are_found(self) -> None:
        """The usual marks, in comments and in strings."""
        self.assertEqual(self.found(unfinished, f"a = 1  # {'TO' + 'DO'}: b"), 1)
