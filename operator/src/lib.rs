//! The controller that turns Workspace, Client and `SigningKey` into running servers.
