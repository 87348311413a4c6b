//! JWS, JWE, JWK and thumbprints: josekit, fenced.
