//! `keybook man`: prints a manual page of this project, or lists them.

use crate::CommandLine;
use crate::man::{Manual, SOURCES};
use crate::output;
use crate::status::HELD;
use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};

/// Prints the page `name`, with or without `keybook-` before it and the section after it; lists all without a name.
pub(crate) fn run(name: Option<&str>) -> Result<u8> {
    let manuals: Vec<Manual<'_>> = SOURCES.into_iter().map(Manual::parse).collect::<Result<_>>()?;
    let commands = commands();
    let Some(name) = name else {
        let about = |command: &Command| command.get_about().unwrap_or_default().to_string();
        let lines = manuals.iter().map(|manual| format!("{}  {}\n", manual.name, manual.about()));
        let commands = commands.iter().map(|it| format!("{}  {}\n", page(it), about(it)));
        output::print(&lines.chain(commands).collect::<String>())?;
        return Ok(HELD);
    };
    let short = name.strip_suffix("(7)").or(name.strip_suffix("(1)")).unwrap_or(name);
    let short = short.strip_prefix("keybook-").unwrap_or(short);
    let is_it = |name: &str| name.strip_prefix("keybook-").unwrap_or(name) == short;
    let text = if let Some(manual) = manuals.iter().find(|manual| is_it(manual.name)) {
        manual.troff()
    } else if let Some(command) = commands.iter().find(|command| is_it(page(command))) {
        troff(command)?
    } else {
        bail!("there is no manual page `{name}`: `keybook man` lists them");
    };
    output::print(&text)?;
    Ok(HELD)
}

/// The program and its commands, each of which has a page.
fn commands() -> Vec<Command> {
    let mut program = CommandLine::command();
    program.build();
    let mut commands = vec![program.clone()];
    commands.extend(program.get_subcommands().filter(|it| is_shown(it)).cloned());
    commands
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

/// The name of a command's page, such as `keybook-check`.
fn page(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn troff(command: &Command) -> Result<String> {
    let mut text = Vec::new();
    let source = format!("keybook {}", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone())
        .source(source)
        .render(&mut text)
        .context("the manual page cannot be written")?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
