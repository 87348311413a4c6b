//! Whole journeys through both doors of a real server, over real TLS on loopback, with a clock that stands still.

#[path = "../shell/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the shell, which do more odd things with it")]
#[cfg(test)]
mod client;
#[path = "../shell/pki.rs"]
#[cfg(test)]
mod pki;

#[cfg(test)]
mod actors;
#[cfg(test)]
mod backchannel;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod chromium;
#[cfg(test)]
mod consents;
#[cfg(test)]
mod details;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod fapi2;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod guesses;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logos;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod openid;
#[cfg(test)]
mod people;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod values;
#[cfg(test)]
mod workspaces;
