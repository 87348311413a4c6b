//! What a SigningKey can get wrong by itself.

use serde_json::{Value, json};

use crate::support::{accepts, accepts_update, refuses, refuses_update, signing_key, with, with_spec};

#[test]
fn the_least_signing_key_is_accepted() {
    accepts(&signing_key());
}

#[test]
fn a_name_leaves_room_for_its_secrets() {
    accepts(&with(signing_key(), &json!({"metadata": {"name": "k".repeat(63)}})));
    refuses(&with(signing_key(), &json!({"metadata": {"name": "k".repeat(64)}})), "at most 63 characters");
}

#[test]
fn the_algorithm_fits_the_use() {
    let of =
        |algorithm: &str, use_: &str| with_spec(signing_key(), json!({"algorithm": algorithm, "use": use_}));
    for algorithm in ["PS256", "ES256", "EdDSA"] {
        accepts(&of(algorithm, "sig"));
        refuses(&of(algorithm, "enc"), "are for use: sig");
    }
    for algorithm in ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES"] {
        accepts(&of(algorithm, "enc"));
        refuses(&of(algorithm, "sig"), "are for use: enc");
        refuses(&with_spec(signing_key(), json!({"algorithm": algorithm})), "are for use: enc");
    }
    refuses(&of("RS256", "sig"), "is not one of");
}

#[test]
fn bits_are_for_rsa() {
    let bits = |algorithm: &str, use_: &str, bits: i32| {
        with_spec(signing_key(), json!({"algorithm": algorithm, "use": use_, "rsaBits": bits}))
    };
    for length in [2048, 3072, 4096] {
        accepts(&bits("PS256", "sig", length));
    }
    accepts(&bits("RSA-OAEP", "enc", 3072));
    refuses(&bits("ES256", "sig", 3072), "rsaBits is for");
    refuses(&bits("PS256", "sig", 1024), "is not one of 2048, 3072, 4096");
}

#[test]
fn workspace_algorithm_and_use_never_change() {
    let old = signing_key();
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"workspaceRef": {"name": "other"}})),
        "workspaceRef cannot change",
    );
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"algorithm": "ES256"})),
        "the algorithm cannot change",
    );
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"algorithm": "ECDH-ES", "use": "enc"})),
        "the use cannot change",
    );
    accepts_update(&old, &with_spec(old.clone(), json!({"rsaBits": 4096, "rotation": {"trigger": "now"}})));
}

#[test]
fn the_interval_is_longer_than_the_time_before() {
    let rotating = |rotation: Value| with_spec(signing_key(), json!({"rotation": rotation}));
    accepts(&rotating(json!({"interval": "20s", "prePublish": "5s"})));
    accepts(&rotating(json!({"interval": "25h"})));
    refuses(&rotating(json!({"interval": "24h"})), "rotation.interval (default 720h) must be longer");
    refuses(&rotating(json!({"prePublish": "721h"})), "rotation.interval (default 720h) must be longer");
    refuses(&rotating(json!({"interval": "17521h"})), "at most 17520h");
}

#[test]
fn a_window_has_days_a_start_and_a_zone() {
    let window = |window: Value| with_spec(signing_key(), json!({"rotation": {"windows": [window]}}));
    accepts(&window(json!({"days": ["Tue", "Wed"], "start": "09:00", "duration": "6h"})));
    accepts(&window(
        json!({"days": ["Sun"], "start": "23:59", "duration": "6h", "timeZone": "America/Argentina/Buenos_Aires"}),
    ));
    refuses(&window(json!({"days": [], "start": "09:00", "duration": "6h"})), "at least 1");
    refuses(&window(json!({"days": ["Tue", "Tue"], "start": "09:00", "duration": "6h"})), "is there already");
    refuses(&window(json!({"days": ["Tue"], "start": "24:00", "duration": "6h"})), "does not match");
    refuses(&window(json!({"days": ["Tue"], "start": 540, "duration": "6h"})), "put it in quotes");
    refuses(
        &window(json!({"days": ["Tue"], "start": "09:00", "duration": "6h", "timeZone": "../etc/passwd"})),
        "does not match",
    );
}

#[test]
fn a_revoked_key_is_named_by_its_thumbprint_once() {
    let kid = "a".repeat(43);
    accepts(&with_spec(signing_key(), json!({"revoke": [{"kid": kid, "reason": "laptop lost"}]})));
    refuses(&with_spec(signing_key(), json!({"revoke": [{"kid": kid}, {"kid": kid}]})), "is there already");
    refuses(&with_spec(signing_key(), json!({"revoke": [{"kid": "short"}]})), "at least 43");
}
