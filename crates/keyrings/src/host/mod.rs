//! The machine that snippets run on: what it provides, and how much room it has.

pub mod environment;
pub mod needs;
pub mod probe;
pub(crate) mod request_key;
pub mod room;
