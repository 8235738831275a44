//! Differential testing: generated programs of tasks and calls run on the kernel, and the model judges
//! their traces.
//!
//! A [`Program`] is a list of steps, each a task and what it does. Programs come from two sources:
//! [`exhaustive`] gives every one up to a length over a small alphabet, [`random`] long ones. A
//! [`Laboratory`] runs them, judges what they leave behind, and finds the shortest program that
//! disagrees; [`snippet`] turns that into text for the book.

mod cast;
pub mod exhaustive;
mod laboratory;
mod operation;
mod play;
mod program;
pub mod random;
pub mod snippet;
mod text;

pub use laboratory::{Disagreement, Laboratory, Refuses, Verdict};
pub use operation::{Key, Kind, Name, Operation, Whom};
pub use play::Played;
pub use program::{Act, Program, Step};
