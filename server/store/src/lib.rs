//! Grants, replay, sessions: SQLite and PostgreSQL.
