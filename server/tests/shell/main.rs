//! The shell of the server, over real TLS on loopback: who gets in, by which door, and for how long.

#[cfg(test)]
mod client;
#[cfg(test)]
mod egress;
#[cfg(test)]
mod exhaustion;
#[cfg(test)]
mod house;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod tls;
