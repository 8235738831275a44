//! `keybook man`: prints a manual page of this project, or lists them.

use crate::man::{Manual, SOURCES};
use crate::output;
use crate::status::HELD;
use anyhow::{Result, bail};

/// Prints the page `name`, with or without `keybook-` before it and the section after it; lists all without a name.
pub(crate) fn run(name: Option<&str>) -> Result<u8> {
    let manuals: Vec<Manual<'_>> = SOURCES.into_iter().map(Manual::parse).collect::<Result<_>>()?;
    let Some(name) = name else {
        let lines = manuals.iter().map(|manual| format!("{}  {}\n", manual.name, manual.about()));
        output::print(&lines.collect::<String>())?;
        return Ok(HELD);
    };
    let short = name.strip_prefix("keybook-").unwrap_or(name);
    let short = short.strip_suffix("(7)").unwrap_or(short);
    let is_it = |manual: &&Manual<'_>| manual.name.strip_prefix("keybook-") == Some(short);
    let Some(manual) = manuals.iter().find(is_it) else {
        bail!("there is no manual page `{name}`: `keybook man` lists them");
    };
    output::print(&manual.troff())?;
    Ok(HELD)
}
