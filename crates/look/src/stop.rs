//! Asks the threads of a process for their keyrings, each of which stops for a moment.

use crate::Process;
use crate::missing::Missing;

/// see below
pub fn stop_and_ask(_pid: i32) -> Result<Option<Process>, Vec<Missing>> { todo!() }
