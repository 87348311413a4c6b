//! Which door did they come to? Decided before the handshake, from the port and the name they ask for.

use std::fmt;

use fapi_core::issuer::{Authority, Doors};

/// One of the two doors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Door {
    /// What programs call; it asks for a certificate.
    Back,
    /// What browsers open; it never asks for one.
    Front,
}

/// One of the two ports of a pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// 8444: the back door, where a port tells the doors apart.
    Back,
    /// 8443: the front door; both, where a name tells them apart.
    Front,
}

impl Door {
    /// Which door is meant; none if it is not ours, or not here.
    ///
    /// Names are as rustls has them: lower case, without a final dot. A caller without a name is let in where only the
    /// port decides: there is nothing it could mean but the door it came to.
    pub fn choose(doors: &Doors, port: Port, name: Option<&str>) -> Option<Self> {
        if doors.front.host.eq_ignore_ascii_case(&doors.back.host) {
            let here = match port {
                Port::Back => (Self::Back, &doors.back),
                Port::Front => (Self::Front, &doors.front),
            };
            return name.is_none_or(|name| is_host(here.1, name)).then_some(here.0);
        }
        match (port, name) {
            (Port::Front, Some(name)) if is_host(&doors.front, name) => Some(Self::Front),
            (Port::Front, Some(name)) if is_host(&doors.back, name) => Some(Self::Back),
            _ => None,
        }
    }

    /// Where this door is, as URLs write it.
    pub fn authority(self, doors: &Doors) -> &Authority {
        match self {
            Self::Back => &doors.back,
            Self::Front => &doors.front,
        }
    }

    /// As it stands in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Back => "back",
            Self::Front => "front",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_host(authority: &Authority, name: &str) -> bool {
    authority.host.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use fapi_core::issuer::{Issuer, Mtls};

    use super::*;

    fn doors(mtls: &Mtls) -> Doors {
        Doors::new(&Issuer::parse("https://auth.example").unwrap(), mtls)
    }

    #[test]
    fn a_name_chooses_the_door_where_names_tell_them_apart() {
        let doors = doors(&Mtls::Host("mtls.auth.example".into()));
        let choose = |port, name| Door::choose(&doors, port, name);
        assert_eq!(choose(Port::Front, Some("auth.example")), Some(Door::Front));
        assert_eq!(choose(Port::Front, Some("mtls.auth.example")), Some(Door::Back));
        for other in [None, Some("example"), Some("x.auth.example"), Some("127.0.0.1"), Some("")] {
            assert_eq!(choose(Port::Front, other), None, "TL-15 {other:?}");
        }
        assert_eq!(choose(Port::Back, Some("mtls.auth.example")), None, "nothing is behind this port");
    }

    #[test]
    fn a_port_chooses_the_door_where_ports_tell_them_apart() {
        let doors = doors(&Mtls::Port(8444));
        for (port, door) in [(Port::Front, Door::Front), (Port::Back, Door::Back)] {
            assert_eq!(Door::choose(&doors, port, Some("auth.example")), Some(door));
            assert_eq!(Door::choose(&doors, port, None), Some(door));
            assert_eq!(Door::choose(&doors, port, Some("other.example")), None, "TL-15");
        }
    }
}
