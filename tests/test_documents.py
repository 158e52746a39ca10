"""What the documents show is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


class DocumentTests(SynchronousTestCase):
    """README and docs against the files they speak of."""

    def test_the_client_of_the_readme_is_the_one_that_is_run(self) -> None:
        """The example in README.md is the file that a live test runs, to the letter."""
        example = (ROOT / "docs/examples/watch_wallet.py").read_text()

        self.assertIn(f"```python\n{example.rstrip()}\n```", (ROOT / "README.md").read_text())

    def test_links_lead_somewhere(self) -> None:
        """Each relative link of a document names a file that exists."""
        for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            for target in _LINK.findall(document.read_text()):
                self.assertTrue((document.parent / target).exists(), f"{document.name}: {target}")

    def test_modules_named_in_the_architecture_exist(self) -> None:
        """Every file that docs/architecture.md names is there."""
        text = (ROOT / "docs/architecture.md").read_text()
        for name in re.findall(r"`((?:io|services|session|messages|domain|crypto)/[\w/]+\.py)`", text):
            self.assertTrue((ROOT / "sdkrelay" / name).exists(), name)

    def test_tests_named_for_nostr_exist(self) -> None:
        """Every test and file of tests that docs/nostr.md names is there."""
        text = (ROOT / "docs/nostr.md").read_text()
        tests = "".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py")))
        tests += (ROOT / "tests/storage/event_contract.py").read_text()
        for name in re.findall(r"`(test_\w+)`", text):
            self.assertIn(f"def {name}(", tests)
        for name in re.findall(r"`(tests/[\w/]+\.py)`", text):
            self.assertTrue((ROOT / name).exists(), name)
