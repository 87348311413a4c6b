//! What Argo CD and Flux make of our kinds: the Lua of `examples/gitops` is run as Argo CD runs it (Lua 5.1, `obj` is the resource),
//! and said to agree with kstatus, which Flux and Helm go by.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod health;
#[cfg(test)]
mod page;
#[cfg(test)]
mod script;
