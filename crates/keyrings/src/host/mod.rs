//! The machine that snippets run on: what it provides, and how much room it has.

pub mod environment;
pub mod needs;
pub mod probe;
pub mod room;
