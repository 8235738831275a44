#![doc = include_str!("../README.md")]

mod counts;
mod escape;
mod event;
mod files;
mod line;
mod lines;
mod number;
mod outcome;
mod pending;
mod reader;
mod redact;
mod scan;
mod source;
mod string;
mod tasks;
mod value;

pub use counts::{Counts, SAMPLE_LENGTH, SAMPLES};
pub use escape::{shown, without_strings};
pub use event::{Call, End, Event, Place, What};
pub use files::{Run, runs};
pub use line::{Body, Line, Time};
pub use lines::{LONGEST_LINE, without_colors};
pub use number::{Number, Radix};
pub use outcome::{Outcome, Returned};
pub use reader::Reader;
pub use redact::{Redacted, Redaction, Secrets, WINDOW, redact};
pub use source::Order;
pub use string::Str;
pub use tasks::UNNAMED;
pub use value::{Arg, Constant, Items, Names, Value};
