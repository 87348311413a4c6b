//! The versioned document that the operator publishes and the server loads.
