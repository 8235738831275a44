#![doc = include_str!("../README.md")]

mod escape;
mod event;
mod files;
mod line;
mod lines;
mod outcome;
mod pending;
mod reader;
mod redact;
mod scan;
mod source;
mod tasks;
mod value;

pub use escape::{shown, without_strings};
pub use event::{Call, End, Event, Place, What};
pub use files::{Run, runs};
pub use line::{Body, Line, Time};
pub use lines::{LONGEST_LINE, without_colors};
pub use outcome::{Outcome, Returned};
pub use reader::{Counts, Reader, SAMPLE_LENGTH, SAMPLES};
pub use redact::{Redacted, Redaction, WINDOW, redact};
pub use source::Order;
pub use tasks::UNNAMED;
pub use value::{Arg, Constant, Items, Names, Number, Radix, Str, Value};
