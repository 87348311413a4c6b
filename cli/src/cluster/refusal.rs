//! What did the API server refuse, and what helps?

use kube::Resource;

use crate::exit::{Exit, Stop};

/// What was tried: a verb on a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tried {
    verb: &'static str,
    /// As `kubectl auth can-i` takes it: `clients.fapi.rs`.
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

impl Tried {
    pub(crate) fn of<K: Resource<DynamicType = ()>>(
        verb: &'static str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Tried {
        let (plural, group) = (K::plural(&()), K::group(&()));
        let resource = if group.is_empty() { plural.into_owned() } else { format!("{plural}.{group}") };
        Tried::on(verb, resource, namespace, name)
    }

    pub(crate) fn on(
        verb: &'static str,
        resource: String,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Tried {
        Tried { verb, resource, namespace: namespace.map(str::to_owned), name: name.map(str::to_owned) }
    }

    /// What is said about it.
    pub(crate) fn refused(&self, error: kube::Error) -> Stop {
        match error {
            kube::Error::Api(status) if status.code == 401 => {
                stop(Exit::Refused, "the API server does not know who you are", "kubectl auth whoami")
            }
            kube::Error::Api(status) if status.is_forbidden() && is_policy(&status.message) => {
                stop(Exit::Refused, status.message, "ask whoever holds the right that the policy names")
            }
            kube::Error::Api(status) if status.is_forbidden() => {
                let message = format!("you may not {}", self.in_words());
                let next = format!("kubectl auth can-i {}", self.can_i());
                stop(Exit::Refused, message, &next)
            }
            kube::Error::Api(status) if status.code == 404 => {
                let named = status.details.is_some_and(|details| !details.name.is_empty());
                if let Some(name) = self.name.as_ref().filter(|_| named) {
                    let message = format!("there is no {} {name}{}", self.resource, self.in_namespace());
                    stop(Exit::Usage, message, &format!("kubectl get {}{}", self.resource, self.option()))
                } else {
                    let message =
                        format!("the cluster does not know {}: its definition is missing", self.resource);
                    stop(Exit::Usage, message, "kubectl apply --server-side -f crds/")
                }
            }
            kube::Error::Api(status) if status.is_invalid() || status.code == 400 => {
                stop(Exit::Usage, status.message, "fapictl lint FILE")
            }
            kube::Error::Api(status) if status.is_conflict() => {
                stop(Exit::Refused, status.message, "change it where that manager takes it from")
            }
            kube::Error::Api(status) => stop(
                Exit::Unreachable,
                format!("the API server cannot {}: {}", self.in_words(), status.message),
                "kubectl get --raw /readyz?verbose",
            ),
            kube::Error::SerdeError(error) => stop(
                Exit::Unreachable,
                format!("the answer to {} cannot be read: {error}", self.in_words()),
                "fapictl doctor --pre",
            ),
            other => stop(
                Exit::Unreachable,
                format!("the API server cannot be reached: {}", cause(&other)),
                "kubectl cluster-info",
            ),
        }
    }

    fn in_namespace(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => " in all namespaces".to_owned(),
        }
    }

    fn in_words(&self) -> String {
        format!("{} {}{}", self.verb, self.resource, self.in_namespace())
    }

    fn option(&self) -> String {
        self.namespace.as_ref().map_or_else(|| " -A".to_owned(), |namespace| format!(" -n {namespace}"))
    }

    fn can_i(&self) -> String {
        format!("{} {}{}", self.verb, self.resource, self.option())
    }
}

fn stop(exit: Exit, message: impl Into<String>, next: &str) -> Stop {
    Stop { exit, message: message.into(), next: next.to_owned() }
}

/// An admission policy said no, not a missing right.
fn is_policy(message: &str) -> bool {
    message.contains("ValidatingAdmissionPolicy") || message.contains("admission webhook")
}

/// The last cause says most: the first ones only say that something was asked.
fn cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use fapi_crds::Client;
    use kube::core::Status;
    use kube::core::response::StatusDetails;

    use super::*;

    fn answer(code: u16, reason: &str, message: &str, name: &str) -> kube::Error {
        let details: StatusDetails = serde_json::from_value(serde_json::json!({"name": name})).unwrap();
        kube::Error::Api(Box::new(Status {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            details: Some(details),
            ..Status::default()
        }))
    }

    fn said(error: kube::Error) -> (Exit, String, String) {
        let stop = Tried::of::<Client>("patch", Some("bank"), Some("app")).refused(error);
        (stop.exit, stop.message, stop.next)
    }

    #[test]
    fn a_missing_right_is_named_with_its_verb_and_its_resource() {
        assert_eq!(
            said(answer(403, "Forbidden", "clients.fapi.rs is forbidden", "")),
            (
                Exit::Refused,
                "you may not patch clients.fapi.rs in namespace bank".to_owned(),
                "kubectl auth can-i patch clients.fapi.rs -n bank".to_owned(),
            )
        );
        let policy =
            "ValidatingAdmissionPolicy 'fapi-approval' denied request: who may approve Workspace bank/retail";
        assert_eq!(said(answer(403, "Forbidden", policy, "app")).1, policy);
    }

    #[test]
    fn an_object_that_is_not_there_is_told_from_a_kind_that_is_not() {
        let (exit, message, _) = said(answer(404, "NotFound", "not found", "app"));
        assert_eq!(
            (exit, message.as_str()),
            (Exit::Usage, "there is no clients.fapi.rs app in namespace bank")
        );
        let (_, message, next) = said(answer(404, "NotFound", "404 page not found", ""));
        assert_eq!(message, "the cluster does not know clients.fapi.rs: its definition is missing");
        assert_eq!(next, "kubectl apply --server-side -f crds/");
    }

    #[test]
    fn who_does_not_answer_is_not_who_refuses() {
        assert_eq!(said(answer(500, "InternalError", "etcd is away", "")).0, Exit::Unreachable);
        assert_eq!(said(answer(401, "Unauthorized", "no", "")).0, Exit::Refused);
        assert_eq!(said(answer(422, "Invalid", "spec.x: no", "")).0, Exit::Usage);
        let (exit, message, _) = said(kube::Error::Service("connection refused".into()));
        assert_eq!(exit, Exit::Unreachable);
        assert_eq!(message, "the API server cannot be reached: connection refused");
    }
}
