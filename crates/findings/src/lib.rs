#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod act;
mod files;
mod follow;
mod found;
mod judged;
mod keys;
mod kind;
mod links;
mod onlooker;
mod op;
mod report;
mod requests;
mod rings;
mod state;
mod tasks;
mod text;
mod why;

pub use follow::Explainer;
pub use kind::Kind;
#[cfg(feature = "model")]
pub use onlooker::ByModel;
pub use onlooker::{Onlooker, Refused};
pub use report::{Explained, Finding, Sentence, Story};
