//! Differential testing: executes generated programs of tasks and calls, and has the model judge
//! their traces.
//!
//! A [`TaskProgram`] is a list of steps, each a task and an action. [`exhaustive`] generates every
//! program up to a length over a small alphabet, [`random`] long ones. A [`Laboratory`] executes them,
//! judges their traces, and shortens a program whose trace the model refuses; [`snippet`] turns that
//! program into text for the book. Everything that differs from one operation to the next is a row of
//! one table, in `operation.rs`.

mod argument;
mod events;
mod execute;
pub mod exhaustive;
pub mod guarantee;
mod laboratory;
#[cfg(test)]
mod notice;
mod operation;
mod program;
pub mod random;
pub mod snippet;
mod task_states;
mod text;

pub use execute::ExecutedStep;
pub use laboratory::{Disagreement, Judgment, Laboratory, Refuses};
pub use operation::Operation;
pub use program::{TaskAction, TaskProgram, TaskStep};
