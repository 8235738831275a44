//! Programs as text, for the command line: `main fork; child1 keyctl_get_keyring_ID @t 1`.
//!
//! Parsing is the inverse of printing.

use crate::Operation;
use crate::argument::Slot;
use crate::program::{SIMPLE, TaskAction, TaskProgram, TaskStep};
use crate::task_states::TaskStates;
use std::fmt;
use std::str::FromStr;

impl fmt::Display for TaskAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskAction::Do(operation) => write!(f, "{operation}"),
            TaskAction::Vfork(operation) => write!(f, "vfork {operation}"),
            TaskAction::CloneVm(operation) => write!(f, "clone_vm {operation}"),
            TaskAction::Trace(task) => write!(f, "trace {task}"),
            TaskAction::Reap(task) => write!(f, "reap {task}"),
            TaskAction::Upcall(to) => write!(f, "upcall {}", Slot::Destination.text(*to)),
            action => {
                let simple = SIMPLE.iter().find(|(_, _, simple)| simple == action);
                f.write_str(simple.map_or("", |(word, ..)| word))
            }
        }
    }
}

impl fmt::Display for TaskProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        for (nth, step) in self.steps.iter().enumerate() {
            let name = names.get(usize::from(step.task)).map_or("nobody", String::as_str);
            write!(f, "{}{name} {}", if nth > 0 { "; " } else { "" }, step.action)?;
        }
        Ok(())
    }
}

impl FromStr for TaskProgram {
    type Err = String;

    fn from_str(text: &str) -> Result<TaskProgram, String> {
        let mut program = TaskProgram::default();
        let mut states = TaskStates::new();
        let steps = text.split([';', '\n']).map(str::trim).filter(|step| !step.is_empty());
        for (nth, text) in steps.enumerate() {
            let refused = |why: String| format!("step {}, `{text}`: {why}", nth + 1);
            // On a kernel's command line a comma stands for a space.
            let words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
            let words: Vec<&str> = words.collect();
            let [task, action, args @ ..] = &words[..] else {
                return Err(refused("a step is a task and an action".to_owned()));
            };
            let names = program.names();
            let known = names.iter().zip(0..).find(|(name, _)| name == task);
            let (_, task) = known.ok_or_else(|| {
                refused(format!("task `{task}` does not exist yet; there are {}", names.join(", ")))
            })?;
            let step = TaskStep { task, action: parse(action, args).map_err(refused)? };
            if !states.take(step) {
                return Err(refused("this task cannot do that now".to_owned()));
            }
            program.steps.push(step);
        }
        Ok(program)
    }
}

impl FromStr for TaskAction {
    type Err = String;

    fn from_str(text: &str) -> Result<TaskAction, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (action, args) = words.split_first().ok_or("an action has at least one word")?;
        parse(action, args)
    }
}

fn parse(word: &str, args: &[&str]) -> Result<TaskAction, String> {
    if let Some((.., action)) = SIMPLE.iter().find(|(known, ..)| *known == word) {
        let excess = || format!("`{word}` has no arguments");
        return if args.is_empty() { Ok(*action) } else { Err(excess()) };
    }
    let number = |task: &str| {
        task.parse::<u8>().map_err(|_| format!("`{task}` is not the number of a task"))
    };
    match (word, args) {
        ("trace", [task]) => number(task).map(TaskAction::Trace),
        ("reap", [task]) => number(task).map(TaskAction::Reap),
        ("upcall", [to]) => Slot::Destination.parse(to).map(TaskAction::Upcall),
        ("vfork", [call, args @ ..]) => Operation::parse(call, args).map(TaskAction::Vfork),
        ("clone_vm", [call, args @ ..]) => Operation::parse(call, args).map(TaskAction::CloneVm),
        _ => Operation::parse(word, args).map(TaskAction::Do),
    }
}
