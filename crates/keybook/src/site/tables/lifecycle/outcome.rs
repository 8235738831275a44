//! Which event a trace is about, and what it shows of a keyring after the event.

use trace::{Errno, Event, Outcome, Trace, Value};

const ABSENT: &str = "does not have one";
const SAME: &str = "has the same";
const NEW: &str = "has a new one";
/// Outcomes that say what the task has.
#[cfg(test)]
pub(super) const ABOUT_TASK: [&str; 3] = [ABSENT, SAME, NEW];

pub(super) const DESTROYED: &str = "the old one is destroyed";
pub(super) const EXISTS: &str = "the old one still exists";

/// Outcomes that say that the keyring exists, each with the one that says that the task also keeps it.
pub(super) const KEPT: [(&str, &str); 4] = [
    (EXISTS, "keeps it, unchanged"),
    ("it still exists, with another owner", "keeps it, with another owner"),
    ("it still exists, with another group", "keeps it, with another group"),
    ("it still exists, with another owner and group", "keeps it, with another owner and group"),
];

/// Finds the event that a trace is about, and its outcome for the keyring.
///
/// The keyring is the one created through its special id. The event is the last call that is not an
/// operation on keys before the first observation of the keyring: through its serial number, or
/// through the special id in the task that the event is about.
pub(super) fn of(trace: &Trace, special: &str) -> Option<(String, &'static str)> {
    let wanted = Value::word(special);
    let created = trace.events().iter().position(|event| {
        event.call == "keyctl_get_keyring_ID" && event.args == [wanted.clone(), Value::Int(1)]
    })?;
    let creator = &trace.events()[created].task;
    let Outcome::Returned(ring) = &trace.events()[created].outcome else { return None };
    let after_creation = &trace.events()[created + 1..];
    let mut last: Option<&Event> = None;
    let mut owner = ("UID", "GID");
    for (nth, event) in after_creation.iter().enumerate() {
        let on_ring = event.args.first().is_some_and(|first| first == ring || *first == wanted);
        let creates =
            event.call == "keyctl_get_keyring_ID" && event.args.get(1) == Some(&Value::Int(1));
        if is_event(event) {
            // Another task that changes its session keyring does not affect this one.
            last = Some(event).filter(|event| !is_about_session(event) || event.task == *creator);
            continue;
        }
        let Some(before) = last else {
            owner = shown_owner(event).filter(|_| on_ring).unwrap_or(owner);
            continue;
        };
        // What follows is not about the event.
        if (event.call == "keyctl_chown" && on_ring)
            || (creates && before.task == event.task && event.task != *creator)
        {
            return None;
        }
        if let Some(outcome) = observation(event, &wanted, ring, before, owner) {
            let rest = after_creation[nth..].iter().take_while(|event| !is_event(event));
            let keeps = rest
                .into_iter()
                .any(|event| event.task == before.task && has(event, &wanted, ring));
            let kept = KEPT.iter().find(|(exists, _)| keeps && *exists == outcome);
            return Some((generalized(before, creator), kept.map_or(outcome, |(_, kept)| kept)));
        }
    }
    None
}

/// Whether a call shows that its task has the keyring.
fn has(event: &Event, special: &Value, ring: &Value) -> bool {
    let got = |value: &Value| event.call == "keyctl_get_keyring_ID" && value == ring;
    let described = event.call == "keyctl_describe";
    event.args.first() == Some(special)
        && matches!(&event.outcome, Outcome::Returned(value) if described || got(value))
}

/// The user and group in the answer of `keyctl_describe`.
fn shown_owner(event: &Event) -> Option<(&str, &str)> {
    match &event.outcome {
        Outcome::Returned(Value::Text(text)) if event.call == "keyctl_describe" => {
            let mut parts = text.split(';').skip(1);
            Some((parts.next()?, parts.next()?))
        }
        _ => None,
    }
}

/// The task that a call creates.
fn created_by(event: &Event) -> Option<&str> {
    match (&event.outcome, event.call.as_str()) {
        (
            Outcome::Returned(Value::Word(task)),
            "fork" | "vfork" | "clone" | "clone3" | "posix_spawn" | "pthread_create",
        ) => Some(task),
        _ => None,
    }
}

/// The event without the numbers of ids and the path of the program.
fn generalized(event: &Event, creator: &str) -> String {
    let arg = |value: &Value| match value {
        Value::Word(word) if word.starts_with("UID") => "uid".to_owned(),
        Value::Word(word) if word.starts_with("GID") => "gid".to_owned(),
        Value::Text(_) => "…".to_owned(),
        value => value.to_string(),
    };
    let args: Vec<String> = event.args.iter().map(arg).collect();
    let failed = event.outcome.errno_name().map_or(String::new(), |errno| format!(" = {errno}"));
    match event.call.as_str() {
        "kill" => "a deadly signal, not reaped yet".to_owned(),
        "waitpid" => "exit, or a deadly signal, and waitpid()".to_owned(),
        "exit" => "exit, not reaped yet".to_owned(),
        "execve" if !failed.is_empty() => format!("execve(program){failed}"),
        "execve" | "posix_spawn" => format!("{}(program)", event.call),
        "pthread_create" if event.task != creator => {
            "pthread_create(), by a thread that did not create it".to_owned()
        }
        call => format!("{call}({}){failed}", args.join(", ")),
    }
}

fn is_event(event: &Event) -> bool {
    const QUESTIONS: [&str; 7] = [
        "proc_keys",
        "key_users",
        "keys_left",
        "bytes_left",
        "wait_until",
        "add_key",
        "request_key",
    ];
    let call = event.call.as_str();
    let on_keys = call.starts_with("keyctl_") && !is_about_session(event);
    let harmless = ["wait_for_the_collector", "open", "memory_file", "close", "map_own_ids"];
    !on_keys && !QUESTIONS.contains(&call) && !harmless.contains(&call)
}

fn is_about_session(event: &Event) -> bool {
    ["keyctl_join_session_keyring", "keyctl_session_to_parent"].contains(&event.call.as_str())
}

/// What a call shows about the keyring after an event, if anything.
fn observation(
    event: &Event,
    special: &Value,
    ring: &Value,
    after: &Event,
    owner: (&str, &str),
) -> Option<&'static str> {
    let about = event.args.first()?;
    let created = created_by(after);
    // A task that has ended cannot use its special id. A new task is observed through it alone.
    let ended = ["exit", "pthread_exit", "kill", "waitpid"].contains(&after.call.as_str());
    let asked = !ended && about == special && event.task == created.unwrap_or(&after.task);
    let by_serial = created.is_none() && (about == ring || asked);
    match event.call.as_str() {
        "keyctl_get_keyring_ID" if asked && event.args[1] == Value::Int(0) => {
            match &event.outcome {
                Outcome::Returned(now) if now == ring => Some(SAME),
                Outcome::Returned(_) => Some(NEW),
                Outcome::Failed(Errno::ENOKEY) => Some(ABSENT),
                _ => None,
            }
        }
        "wait_until" if by_serial => Some(DESTROYED),
        "keyctl_describe" if by_serial => {
            let (uid, gid) = shown_owner(event)?;
            let change = match (uid == owner.0, gid == owner.1) {
                (true, true) => 0,
                (false, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
            };
            Some(KEPT[change].0)
        }
        _ => None,
    }
}
