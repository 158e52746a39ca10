"""Questions asked all the time are answered by an index: SQLite itself says how it would go about each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.sqlite import dialect
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.storage import index, log, records, wallets
from tests.support.stores import now, opened


class PlanTests(SynchronousTestCase):
    """EXPLAIN QUERY PLAN."""

    def setUp(self) -> None:
        self.store = now(opened())
        self.addCleanup(lambda: now(self.store.close()))

    def plan(self, statement: Select[Any], **parameters: Any) -> str:
        """How SQLite would answer."""
        compiled = statement.params(**parameters).compile(dialect=dialect()).construct_expanded_state()
        values = compiled.positional_parameters
        text = f"EXPLAIN QUERY PLAN {compiled.statement}"
        rows = now(self.store._runner.read(lambda connection: connection.exec_driver_sql(text, values).all()))
        return "; ".join(row[3] for row in rows)

    def test_the_log_is_read_by_its_index_alone(self) -> None:
        """The next numbers of a topic or a wallet come from the index, already in order."""
        for statement, owner in ((log.PUBLIC, {}), (log.PRIVATE, {"owner": "ab"})):
            plan = self.plan(statement, topic="blocks", after=5, most=100, **owner)
            self.assertIn("COVERING INDEX ix_entry_wallet_id_topic_number", plan)
            self.assertNotIn("TEMP B-TREE", plan)

    def test_tip_rows_and_bounds_read_no_other_block(self) -> None:
        """The primary key leads to them."""
        self.assertNotIn("TEMP B-TREE", self.plan(index.TIP))
        self.assertIn("SEARCH block USING INTEGER PRIMARY KEY", self.plan(index.ROWS, first=1, last=2))
        self.assertEqual(self.plan(index.BOUNDS).count("SEARCH block"), 2)

    def test_records_are_found_by_their_ids_names_and_ends(self) -> None:
        """However many there are, none is read that is not meant; counting reads an index alone."""
        asked = {"these": [b"a"], "now": 5, "most": 9, "who": "a"}
        for statement, key in (
            (records.HELD, "sqlite_autoindex_record"), (records.EXPIRED_IDS, "sqlite_autoindex_expired"),
            (records.NAMED, "ix_record_message_id"), (records.OVER, "ix_record_expires_at"),
            (records.OF_AUTHOR, "ix_record_author"), (records.OF_ORIGIN, "COVERING INDEX ix_record_origin"),
        ):  # fmt: skip
            self.assertIn(key, self.plan(statement, **asked))

    def test_a_wallet_costs_no_other_one(self) -> None:
        """Outputs and tokens are found by their wallet and hash."""
        self.assertIn("SEARCH output USING INDEX", self.plan(wallets.OUTPUTS, owner="ab"))
        self.assertIn("SEARCH token USING", self.plan(wallets.OWNER, hash=b"ab"))
