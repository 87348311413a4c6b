//! The FAPI authorization server: what runs in the pods.
