//! The claims on both databases, and what only one of them can show.

mod benches;
mod crash;
mod disk;
mod faults;
mod on_postgres;
mod on_sqlite;
mod secrets;
mod throughput;
mod tls;
