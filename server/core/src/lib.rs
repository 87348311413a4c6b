//! The FAPI protocol, decided: no async, clock, randomness, logging or IO.
