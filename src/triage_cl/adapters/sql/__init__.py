"""The ledger in SQL: schema, migrations, store and views."""
