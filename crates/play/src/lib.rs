#![doc = include_str!("../README.md")]

mod answer;
#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(feature = "explorer")]
pub mod follow;
#[cfg(any(feature = "rules", feature = "explorer"))]
pub mod judge;
#[cfg(feature = "explorer")]
pub mod offer;
#[cfg(feature = "logs")]
pub mod remote;
#[cfg(feature = "explorer")]
pub mod snippet;
#[cfg(feature = "logs")]
pub mod strace;
#[cfg(any(feature = "rules", feature = "faults"))]
pub mod table;
#[cfg(feature = "rules")]
pub mod wrong;

pub use answer::answer;
