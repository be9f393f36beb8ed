"""What the platform keeps in its database: tables, transactions, migrations, pages of a list."""
