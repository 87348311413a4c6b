//! What did people write? A folder of YAML, read as strictly as the API server does, with the place of every mistake.

mod load;
mod node;
mod problem;

pub use self::load::{DEFAULT_NAMESPACE, Object, Plain, Source, load, load_all};
pub use self::node::Place;
pub use self::problem::Problem;
