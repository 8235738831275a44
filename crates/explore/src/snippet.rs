//! A program as a snippet for the book, with what was observed as what is expected.

use crate::argument::Slot;
use crate::program::{REQUESTED, TaskAction};
use crate::task_states::TaskStates;
use crate::{ExecutedStep, Operation, TaskProgram};
use keyrings::Errno;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The snippet of a program that was executed, as a page has it below the rule with this id.
pub fn snippet(rule: &str, executed: &[ExecutedStep]) -> String {
    let names = TaskProgram { steps: executed.iter().map(|one| one.step).collect() }.names();
    let mut states = TaskStates::new();
    let mut lines = String::new();
    let mut created = 0;
    // The step that opened the file of each process; a child created by fork inherits it.
    let mut files: Vec<Option<usize>> = vec![None];
    for (nth, ExecutedStep { step, errno, new_key }) in executed.iter().enumerate() {
        let process = states.process(step.task);
        let reaper = &names[usize::from(states.reaper(step.task))];
        let requestor = states.request(step.task).map(|request| &*names[usize::from(request.by)]);
        states.take(*step);
        created += usize::from(step.action.creates().is_some());
        match step.action {
            TaskAction::Fork
            | TaskAction::Clone
            | TaskAction::Clone3
            | TaskAction::CloneNewuser => files.push(files[process]),
            TaskAction::Spawn | TaskAction::Upcall(_) => files.push(None),
            TaskAction::Open => files[process] = Some(nth),
            _ => {}
        }
        let after = &executed[nth + 1..];
        let is_used = |key: u8| after.iter().any(|later| uses(&later.step.action, key));
        let line = Line {
            by: &names[usize::from(step.task)],
            new: &names[created],
            reaper,
            requestor,
            file: files[process].unwrap_or_default(),
            errno: *errno,
            new_key: new_key.filter(|key| is_used(*key)),
            target: step.action.target().map_or("", |task| &names[usize::from(task)]),
            acts_later: after.iter().any(|later| {
                let by = [Some(later.step.task), later.step.action.target()];
                by.into_iter().flatten().any(|task| usize::from(task) == created)
            }),
        };
        let _ = writeln!(lines, "{}", line.text(&step.action));
    }
    let ids: String = IDS
        .iter()
        .filter(|(name, _)| variables(&lines).contains(name))
        .map(|(_, line)| *line)
        .collect();
    format!(
        "```rust\n# use keyrings::*;\n# fn main() -> Observed {{ observe(\"{rule}\", || {{\n\
         {ids}{lines}Ok(())\n# }}) }}\n```\n"
    )
}

/// The variables of ids and of the pipe, and the lines that give them values.
const IDS: [(&str, &str); 4] = [
    ("pipe", "let pipe = -1;\n"),
    ("uid", "let uid = getuid();\n"),
    ("gid", "let gid = getgid();\n"),
    ("other", "let other = unused_id();\n"),
];

/// Whether an action has the key of this number as an argument.
fn uses(action: &TaskAction, key: u8) -> bool {
    action.operation().is_some_and(|operation| {
        operation.args().any(|(slot, number)| slot.is_key() && number == i32::from(key) + 1)
    })
}

/// What one line of a snippet is made of.
struct Line<'a> {
    by: &'a str,
    new: &'a str,
    reaper: &'a str,
    /// The other task that the action concerns.
    target: &'a str,
    /// The task whose request it handles.
    requestor: Option<&'a str>,
    /// The number in the name of the file's variable.
    file: usize,
    errno: i32,
    /// The number of the key that it returned, if a later line uses that key.
    new_key: Option<u8>,
    /// Whether the task that it created acts later.
    acts_later: bool,
}

impl Line<'_> {
    fn text(&self, action: &TaskAction) -> String {
        let Line { by, reaper, target, file, .. } = self;
        match action {
            TaskAction::Do(operation) => match self.new_key {
                Some(nth) => {
                    format!("let k{} = {}?;", nth + 1, by_task(by, &operation.snippet()))
                }
                None => format!("{}?;", by_task(by, &self.expected(operation))),
            },
            TaskAction::Fork => self.creation("fork("),
            TaskAction::Clone => self.creation("clone(CLONE_FS, "),
            TaskAction::Clone3 => self.creation("clone3(NO_FLAGS, "),
            TaskAction::CloneNewuser => self.creation("clone(CLONE_NEWUSER, "),
            TaskAction::Thread => self.creation("pthread_create("),
            TaskAction::Spawn => self.creation("posix_spawn("),
            TaskAction::Vfork(operation) => self.in_shared_memory("vfork(", operation),
            TaskAction::CloneVm(operation) => {
                self.in_shared_memory("clone_vm(NO_FLAGS, ", operation)
            }
            TaskAction::Exec => format!("{}?;", by_task(by, "execve(SELF)")),
            TaskAction::Exit => {
                let exit = format!("{}?;", by_task(reaper, &format!("{by}.exit()")));
                let answer =
                    |requestor| format!("\n{}", self.answer(&format!("requested({requestor})?")));
                exit + &self.requestor.map(answer).unwrap_or_default()
            }
            TaskAction::ExitThread => format!("{by}.pthread_exit()?;"),
            TaskAction::Open => {
                format!("let file{file} = {}?;", by_task(by, "open(\"/dev/null\")"))
            }
            TaskAction::Close => format!("{}?;", by_task(by, &format!("close(file{file})"))),
            TaskAction::Trace(_) => {
                format!("{}?;", by_task(by, &format!("ptrace_seize({target})")))
            }
            TaskAction::Reap(_) => {
                format!("{}?;", by_task(by, &format!("wait_for_traced({target})")))
            }
            TaskAction::BeginWithoutSession => "// No session keyring exists.".to_owned(),
            TaskAction::EnterNamespace => format!("{}?;", by_task(by, "enter_user_namespace()")),
            TaskAction::NotificationPipe => {
                "let (end, _) = notification_pipe()?;\nlet pipe = end.number()?;".to_owned()
            }
            TaskAction::Upcall(to) => self.request(*to),
        }
    }

    /// A request, and the program that the kernel starts for it, if it does.
    fn request(&self, to: i32) -> String {
        let Line { by, new, .. } = self;
        let (asked, to) = (REQUESTED.map(|text| format!("{text:?}")), Slot::Destination.rust(to));
        if self.errno != 0 {
            let [kind, name, callout] = asked;
            let call = format!("request_key({kind}, {name}, Some({callout}), {to})");
            return format!(
                "{}?;",
                by_task(by, &format!("expect({call}, {:?})", Errno::from_raw(self.errno)))
            );
        }
        let key = self.new_key.map_or("_".to_owned(), |nth| format!("k{}", nth + 1));
        format!("let ({new}, {key}) = upcall({by}, {new:?}, [{}], {to})?;", asked.join(", "))
    }

    /// A result that is expected.
    fn answer(&self, result: &str) -> String {
        match self.errno {
            0 => format!("succeeds({result})?;"),
            errno => format!("expect({result}, {:?})?;", Errno::from_raw(errno)),
        }
    }

    /// Creates a task, which has a variable if it acts later.
    fn creation(&self, call: &str) -> String {
        let Line { by, new, acts_later, .. } = self;
        let created = by_task(by, &format!("{call}{new:?})"));
        if *acts_later { format!("let {new} = {created}?;") } else { format!("{created}?;") }
    }

    /// A call with its observed result.
    fn expected(&self, operation: &Operation) -> String {
        let call = operation.snippet();
        match self.errno {
            0 if !operation.has_errno() => call,
            0 => format!("succeeds({call})"),
            errno => format!("expect({call}, {:?})", Errno::from_raw(errno)),
        }
    }

    /// A process that makes one call in its creator's memory.
    fn in_shared_memory(&self, create: &str, operation: &Operation) -> String {
        let Line { by, new, .. } = self;
        let Some(nth) = self.new_key else {
            let body = format!("{create}{new:?}, || {})", unit(&self.expected(operation)));
            return format!("{}?;", by_task(by, &body));
        };
        let body = format!(
            "{{\n    let mut key = NO_KEYRING;\n    {create}{new:?}, || {{\n        key = {}?;\n        \
             Ok(())\n    }})?;\n    Ok::<_, Failure>(key)\n}}",
            operation.snippet()
        );
        let by = if *by == "main" { format!("(|| {body})()") } else { by_task(by, &body) };
        format!("let k{} = {by}?;", nth + 1)
    }
}

/// An expression without a value that could not leave its task.
fn unit(expression: &str) -> String {
    if expression.starts_with("proc_keys") {
        format!("{expression}.map(drop)")
    } else {
        expression.to_owned()
    }
}

/// An expression, evaluated by a task. An order captures nothing, so the variables are handed over.
fn by_task(task: &str, expression: &str) -> String {
    if task == "main" {
        return expression.to_owned();
    }
    let (variables, expression) = (variables(expression), unit(expression));
    let names = Vec::from_iter(variables.iter().copied()).join(", ");
    match variables.len() {
        0 => format!("{task}.run(|| {expression})"),
        1 => format!("{task}.run_with({names}, |{names}| {expression})"),
        _ => format!("{task}.run_with(({names}), |({names})| {expression})"),
    }
}

/// The variables of the snippet in an expression: keys, files, tasks, and ids.
fn variables(expression: &str) -> BTreeSet<&str> {
    let is_variable = |word: &&str| {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        IDS.iter().any(|(name, _)| name == word)
            || (name != *word && ["k", "file", "child", "thread", "program"].contains(&name))
    };
    // Every second part is text in quotes.
    let code = expression.split('"').step_by(2);
    let words = code.flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(is_variable).collect()
}
