//! The three kinds of fapi.rs, their CEL rules and generated YAML.
