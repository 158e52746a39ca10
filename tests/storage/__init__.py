"""The store: engines, migrations, faults and durability."""
